// Stands in for ClerkJS in tests: `load`, `mountSignIn` and `signOut`, with a button a person.
(() => {
  const home = new URL(document.currentScript.src).origin;
  const PEOPLE = {
    administrator: "Sign in as administrator",
    member: "Sign in as member",
    stranger: "Sign in as administrator of another organization",
  };
  // Who signed in, so that a token can be renewed: those of Clerk last a minute too.
  const REMEMBERED = "clerk-stand-in";
  const RENEWED_EVERY_MS = 30_000;

  const put = (token, age) => (document.cookie = `__session=${token}; path=/; SameSite=Lax; max-age=${age}`);

  async function renew(person) {
    const answer = await fetch(`${home}/stand-in/token?person=${person}`);
    if (!answer.ok) throw new Error("the stand-in gives no token");
    const token = await answer.text();
    put(token, 31_536_000);
    return token;
  }

  window.Clerk = {
    loaded: false,
    user: null,
    session: null,

    async load() {
      const person = localStorage.getItem(REMEMBERED);
      if (person) {
        await renew(person);
        this.user = { id: `user_standin_${person}` };
        this.session = { id: `sess_${person}`, getToken: () => renew(person) };
        setInterval(() => renew(person), RENEWED_EVERY_MS);
      }
      this.loaded = true;
    },

    mountSignIn(element) {
      for (const [person, label] of Object.entries(PEOPLE)) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = label;
        button.addEventListener("click", async () => {
          await renew(person);
          localStorage.setItem(REMEMBERED, person);
          location.reload();
        });
        element.append(button);
      }
    },

    async signOut({ redirectUrl } = {}) {
      localStorage.removeItem(REMEMBERED);
      put("", 0);
      this.user = this.session = null;
      if (redirectUrl) location.assign(redirectUrl);
      else location.reload();
    },
  };
})();
