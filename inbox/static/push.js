// The worker that shows alerts while no page of Kịp is open. It lives below /static/, controls
// no page, keeps nothing, and opens nothing but addresses of this installation.
const ours = (url) => { try { return new URL(url, self.location).origin === self.location.origin; } catch { return false; } };

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  let said = {};
  try { said = event.data.json(); } catch { /* not from us; a browser wants something shown all the same */ }
  const actions = ours(said.have_url) && said.have ? [{ action: "have", title: said.have }] : [];
  event.waitUntil(self.registration.showNotification(said.title || "Kịp", {
    body: said.body || "", tag: said.tag || "kip", icon: "icon.svg", actions,
    data: { url: said.url, have_url: said.have_url },
  }));
});

self.addEventListener("notificationclick", (event) => {
  const { url, have_url } = event.notification.data || {};
  const to = event.action === "have" ? have_url : url;
  event.notification.close();
  event.waitUntil((async () => {
    if (!ours(to)) return;
    const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const there = open.find((one) => one.url.split("#")[0] === to);
    await (there ? there.focus() : self.clients.openWindow(to));
  })());
});
