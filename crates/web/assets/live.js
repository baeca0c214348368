// Times in the reader's own zone, texts to copy, and the progress of a sync. Every page works without it.
"use strict";
// The server cuts days where the reader's own begin.
document.cookie = `m365_offset=${-new Date().getTimezoneOffset()}; Path=/; SameSite=Lax; Max-Age=31536000${location.protocol === "https:" ? "; Secure" : ""}`;
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) continue;
  time.title = time.textContent;
  time.textContent = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(at);
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}
// Clerk's script keeps the session's token fresh on every page; on one of them it shows how to sign in.
if (window.Clerk) {
  const place = document.getElementById("clerk");
  window.Clerk.load().then(async () => {
    if (!place) return;
    if (place.dataset.clerkOut !== undefined && window.Clerk.session) {
      await window.Clerk.signOut({ redirectUrl: "/sign-in" });
    } else if (window.Clerk.session && (window.Clerk.organization || !window.Clerk.mountOrganizationList)) {
      await window.Clerk.session.getToken({ skipCache: true });
      location.replace(place.dataset.clerkNext);
    } else if (window.Clerk.session) {
      const back = location.pathname + location.search;
      window.Clerk.mountOrganizationList(place, { hidePersonal: true, afterSelectOrganizationUrl: back, afterCreateOrganizationUrl: back });
    } else {
      window.Clerk.mountSignIn(place);
    }
  });
}
const live = document.querySelector("[data-progress]");
if (live) {
  const stream = new EventSource(live.dataset.progress);
  const show = (name, value) => {
    const place = live.querySelector(`[data-show="${name}"]`);
    if (place) place.textContent = value;
  };
  const count = (n) => n.toLocaleString("en-US");
  stream.addEventListener("standing", (event) => {
    const s = JSON.parse(event.data);
    const bar = live.querySelector("progress");
    if (s.mailboxes > 0) {
      bar.max = s.mailboxes;
      bar.value = s.done;
    }
    show("mailboxes", s.mailboxes > 0 ? `${count(s.done)} / ${count(s.mailboxes)}` : "being listed");
    show("seen", count(s.seen));
    show("kept", count(s.kept));
    show("dropped", count(s.seen - s.kept));
    show("pages", count(s.pages));
    show("requests", count(s.requests));
    show("waiting", s.isStopping ? "Stopping: what was read is being stored." : s.waiting > 0 ? `Waiting on Microsoft: it asked us to slow down on ${count(s.waiting)} ${s.waiting === 1 ? "request" : "requests"}.` : "Reading.");
  });
  stream.addEventListener("over", () => {
    stream.close();
    location.reload();
  });
}
