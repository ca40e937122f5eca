// Only on the page of one's alerts: lets this browser show them, and says how that stands.
(() => {
  const form = document.getElementById("push-form"), line = document.getElementById("push-said");
  if (!form || !line) return;
  const words = form.dataset, button = form.querySelector("button");
  const say = (text) => { line.textContent = text; };
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (data) => btoa(String.fromCharCode(...new Uint8Array(data))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const hex = (data) => [...new Uint8Array(data)].map((b) => b.toString(16).padStart(2, "0")).join("");
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return say(words.cannot);
  const scope = new URL("./", new URL(words.worker, location)).pathname;
  const registered = () => navigator.serviceWorker.getRegistration(scope);
  const held = async () => (await registered())?.pushManager.getSubscription();
  const active = (registration) => registration.active ? registration : new Promise((done, failed) => {
    const worker = registration.installing || registration.waiting;
    worker.addEventListener("statechange", () => { if (worker.state === "activated") done(registration); if (worker.state === "redundant") failed(new Error(worker.state)); });
  });

  // Which row of the list is this browser; the others say by their button what they are.
  const mark = async () => {
    const own = await held();
    if (!own) return null;
    const row = document.querySelector(`[data-browser="${hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(own.endpoint)))}"]`);
    const key = own.options.applicationServerKey;
    if (row && key && text(key) === words.key) {
      row.querySelector(".this").hidden = false;
      row.querySelector("[data-off]").addEventListener("submit", () => own.unsubscribe());
      form.hidden = true;
    }
    return own;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      if (await Notification.requestPermission() !== "granted") return say(words.denied);
      say(words.waiting);
      const registration = await active(await navigator.serviceWorker.register(words.worker, { scope }));
      const old = await registration.pushManager.getSubscription();
      if (old && text(old.options.applicationServerKey || new Uint8Array()) !== words.key) await old.unsubscribe();
      const own = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(words.key) });
      form.elements.endpoint.value = own.endpoint;
      form.elements.public.value = text(own.getKey("p256dh"));
      form.elements.auth.value = text(own.getKey("auth"));
      form.submit();
    } catch (error) {
      say(words.failed);
      console.warn(error);
    } finally {
      button.disabled = false;
    }
  });

  if (Notification.permission === "denied") say(words.denied);
  mark();
})();
