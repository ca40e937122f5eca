// Saved replies beside an answer: /word at its place, the list, and putting the chosen one in.
(() => {
  const $ = (s) => document.querySelector(s), box = () => $("#saved"), draft = () => $("#draft");
  const buttons = () => [...document.querySelectorAll("#saved-list button")].filter((b) => !b.hidden);
  let typed = null; // [from, to, word]: where "/word" stands while it is being typed
  const open = () => box()?.matches(":popover-open");
  const ask = (words) => {
    const field = box().elements.words;
    field.value = words;
    field.dispatchEvent(new Event("kip:saved"));
  };
  const shut = () => { typed = null; if (open()) box().hidePopover(); };
  addEventListener("toggle", (e) => {
    if (e.target.id !== "saved") return;
    if (e.newState === "closed") typed = null;
    else if (typed) draft()?.focus();
    else ask("");
  }, true);
  const fold = (s) => s.normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/gi, "d").toLowerCase();
  // "/ship" or ";ship" at the beginning of a word; the text before the caret decides, also while
  // a Vietnamese keyboard still composes it (then with accents that nobody meant)
  addEventListener("input", (e) => {
    if (e.target.id !== "draft" || !box()) return;
    const area = e.target, at = area.selectionStart;
    const found = /(?:^|\s)[/;]([\p{L}\d-]{1,20})$/u.exec(area.value.slice(Math.max(0, at - 30), at));
    if (!found) { if (typed) shut(); return; }
    typed = [at - found[1].length - 1, at, fold(found[1])];
    ask(typed[2]);
  });
  addEventListener("htmx:afterSettle", (e) => {
    if (e.target.id !== "saved-list" || !typed) return;
    document.querySelectorAll("#saved-list button").forEach((b) => { b.hidden = !b.dataset.saved.startsWith(typed[2]); });
    const some = buttons().length, say = $("#say");
    if (!some) return shut(); // it is no shortcut, and nothing comes into the way
    if (!open()) box().showPopover({ source: $("#saved-open") || draft() });
    if (say) say.textContent = box().dataset.said.replace("{}", some);
  });
  addEventListener("keydown", (e) => {
    if (!open() || e.isComposing) return;
    const all = buttons(), at = all.indexOf(document.activeElement), here = typed && e.target === draft();
    const stop = () => { e.preventDefault(); e.stopImmediatePropagation(); };
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { stop(); all[Math.max(0, Math.min(all.length - 1, at + (e.key === "ArrowDown" ? 1 : -1)))]?.focus(); }
    else if (here && (e.key === "Enter" || e.key === "Tab") && all[0] && !e.ctrlKey && !e.metaKey) { stop(); all[0].click(); }
    else if (here && e.key === "Escape") { stop(); shut(); }
  }, true);
  addEventListener("htmx:afterRequest", (e) => {
    if (!e.detail.elt.matches?.("[data-saved]") || !e.detail.successful) return;
    const area = draft(), [from, to] = typed || [area?.selectionStart, area?.selectionEnd];
    box()?.hidePopover();
    if (!area) return;
    area.focus();
    area.setRangeText(e.detail.xhr.responseText, from, to, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
