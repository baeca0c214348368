// Reads a tenant with Microsoft's own clients, and prints the ids of what they find as one line of JSON.
//
// Nobody of this project wrote those clients, so what they cannot read, or read otherwise than the connector, is a fault of the
// simulator or of the connector. They are told the same as the connector: immutable ids, the same window, the same folders left
// out. Run by testing/testkit/tests/it/referees.rs, which compares; the certificate is trusted by NODE_EXTRA_CA_CERTS.
import { ConfidentialClientApplication } from "@azure/msal-node";
import { BatchRequestContent, BatchResponseContent, Client, PageIterator } from "@microsoft/microsoft-graph-client";

const { ROOT, TENANT, CLIENT_ID, CLIENT_SECRET, SINCE, UNTIL } = process.env;
const host = new URL(ROOT);

const application = new ConfidentialClientApplication({
  auth: {
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    authority: `${ROOT}/${TENANT}`,
    knownAuthorities: [host.host],
  },
});

async function token() {
  const { accessToken } = await application.acquireTokenByClientCredential({
    scopes: ["https://graph.microsoft.com/.default"],
  });
  return accessToken;
}

const client = Client.initWithMiddleware({
  authProvider: { getAccessToken: token },
  baseUrl: `${ROOT}/`,
  customHosts: new Set([host.hostname]),
});

const headers = { Prefer: 'IdType="ImmutableId", odata.maxpagesize=7' };

/** Every item of a listing or a round, and how many pages they came on. */
async function all(path) {
  const items = [];
  const first = await client.api(path).headers(headers).get();
  const pages = new PageIterator(client, first, (item) => items.push(item) > 0, { headers });
  await pages.iterate();
  return { items, delta: pages.getDeltaLink() };
}

const ids = (items) => items.map((item) => item.id);

/** Folders whose contents nobody sent or received, or that were thrown away. */
const LEFT_OUT = [
  "drafts", "outbox", "deleteditems", "junkemail", "conversationhistory", "scheduled", "syncissues", "conflicts",
  "localfailures", "serverfailures", "searchfolders", "recoverableitemsdeletions",
];

/** The ids behind the well-known names, all in one batch; a name that a mailbox does not have is answered with 404. */
async function leftOut(user) {
  const steps = LEFT_OUT.map((name) => ({
    id: name,
    // Places in a batch are relative to the version; the client knows where that ends on Microsoft's own hosts only.
    request: new Request(`${ROOT}/users/${user}/mailFolders/${name}?$select=id`),
  }));
  const content = await new BatchRequestContent(steps).getContent();
  const answers = new BatchResponseContent(await client.api("/$batch").post(content));
  const found = new Set();
  for (const name of LEFT_OUT) {
    const answer = answers.getResponseById(name);
    const body = await answer.json();
    if (answer.status === 200) found.add(body.id);
    else if (body.error.code !== "ErrorItemNotFound") throw new Error(`the batch answers ${body.error.code}`);
  }
  return found;
}

/** The folders of a mailbox that are read, below a path. */
async function folders(user, path, out, left) {
  const { items } = await all(path);
  for (const folder of items) {
    if (left.has(folder.id) || folder["@odata.type"] === "#microsoft.graph.mailSearchFolder") continue;
    out.push(folder.id);
    if (folder.childFolderCount > 0) {
      await folders(user, `/users/${user}/mailFolders/${folder.id}/childFolders`, out, left);
    }
  }
  return out;
}

async function mailbox(user) {
  let left;
  const tree = [];
  try {
    // Whoever has no mailbox is found out by one request.
    await client.api(`/users/${user}/mailFolders/inbox`).select("id").get();
    left = await leftOut(user);
  } catch (error) {
    if (error.statusCode === 404) return null;
    throw error;
  }
  await folders(user, `/users/${user}/mailFolders`, tree, left);
  const messages = [];
  for (const folder of tree) {
    const filter = encodeURIComponent(`receivedDateTime ge ${SINCE}`);
    const path = `/users/${user}/mailFolders/${folder}/messages/delta?$select=subject&$filter=${filter}`;
    const { items, delta } = await all(path);
    if (!delta) throw new Error("a round of messages has no end");
    messages.push(...ids(items));
  }
  const window = `startDateTime=${SINCE}&endDateTime=${UNTIL}`;
  const { items, delta } = await all(`/users/${user}/calendarView/delta?${window}`);
  if (!delta) throw new Error("a round of events has no end");
  const quiet = await all(delta);
  return { messages, events: ids(items), later: quiet.items.length };
}

const users = ids((await all("/users?$select=id&$top=4")).items);
const mailboxes = {};
for (const user of users) mailboxes[user] = await mailbox(user);
console.log(JSON.stringify({ users, mailboxes }));
