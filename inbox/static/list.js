// Selecting rows of the list. Without it the boxes are there all the same, and send with their form.
(() => {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const form = $("#bulk");
  if (!form) return;
  const root = document.documentElement, chosen = new Set();
  let last = "";
  const boxes = () => $$("#list .pick");
  const say = (text) => { const p = $("#say"); if (p) p.textContent = text; };
  const show = (aloud) => {
    const all = boxes(), n = all.filter((b) => b.checked).length, count = $("#picked"), whole = $("#pick-all");
    count.textContent = n || "";
    whole.checked = !!n && n === all.length;
    whole.indeterminate = !!n && n < all.length;
    if (aloud) say(count.dataset.say.replace("{}", n));
  };
  const set = (box, on) => { box.checked = on; if (on) chosen.add(box.value); else chosen.delete(box.value); };
  // what was fetched anew knows nothing of what is selected here
  const again = () => { const there = new Set(); boxes().forEach((b) => { there.add(b.value); b.checked = chosen.has(b.value); }); [...chosen].forEach((n) => there.has(n) || chosen.delete(n)); show(); };
  const range = (to, on) => {
    const all = boxes(), a = all.findIndex((b) => b.value === last), b = all.indexOf(to);
    if (a < 0) return set(to, on);
    all.slice(Math.min(a, b), Math.max(a, b) + 1).forEach((box) => set(box, on));
  };
  const none = () => { boxes().forEach((b) => set(b, false)); show(true); };
  addEventListener("click", (e) => {
    if (e.target.matches?.(".pick")) {
      if (e.shiftKey) range(e.target, e.target.checked); else set(e.target, e.target.checked);
      last = e.target.value;
      show(true);
    } else if (e.target.id === "pick-all") { boxes().forEach((b) => set(b, e.target.checked)); show(true); }
    else if (e.target.closest?.("#pick-none")) { none(); $("#list a.item")?.focus(); }
    else if (e.shiftKey && e.target.closest?.("#list a.item") && chosen.size) { // a range, not another window
      e.preventDefault(); e.stopImmediatePropagation();
      const box = $(".pick", e.target.closest("li"));
      range(box, true); last = box.value; show(true);
    }
  }, true);
  addEventListener("keydown", (e) => {
    if (e.isComposing || e.ctrlKey || e.metaKey || e.altKey || root.dataset.keys === "off") return;
    const row = e.target.closest?.("#list li"), box = row && $(".pick", row);
    if (e.code === "KeyX" && box) { // elsewhere x is another key
      e.preventDefault(); e.stopImmediatePropagation();
      if (e.shiftKey) range(box, true); else set(box, !box.checked);
      last = box.value;
      show(true);
    } else if (e.key === "Escape" && row && chosen.size && !$("[popover]:popover-open")) {
      e.preventDefault(); e.stopImmediatePropagation(); none();
    }
  }, true);
  addEventListener("htmx:beforeSwap", (e) => {
    const from = e.detail.requestConfig?.elt;
    if (from !== form || e.detail.target?.id !== "list") return;
    chosen.clear();
    $("#bulk-menu:popover-open")?.hidePopover(); // an open menu, though out of sight, would keep the keys
  });
  addEventListener("htmx:afterSettle", (e) => {
    if (e.detail.target?.id === "bulk-menu") { e.detail.target.showPopover({ source: $("#bulk-more") }); $("[data-filter]", e.detail.target)?.focus(); }
  });
  addEventListener("kip:settled", again);
  // what was done by one click stays for as long as it can be taken back
  const fade = () => $$(".toast[data-stays]:not([data-fades])").forEach((t) => {
    t.dataset.fades = "1";
    setTimeout(() => t.remove(), t.dataset.stays * 1000);
  });
  new MutationObserver(fade).observe($("#toasts"), { childList: true, subtree: true });
  fade();
  boxes().forEach((b) => { if (b.checked) chosen.add(b.value); });
  show();
})();
