// The command palette (⌘K, Ctrl K): what this page can do, where one can go, and what the server finds.
// Its actions are the controls of the page that carry aria-keyshortcuts, data-go or data-command:
// help, keys and palette read the same marks. Without a script the search page does this work.
(() => {
  const box = document.getElementById("palette");
  if (!box) return;
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const field = $("input", box), list = $("[role=listbox]", box), none = $("[data-none]", box), count = $("[data-count]", box), words = box.dataset;
  const MOST = 9, WAIT_MS = 120; // of a kind, while something is typed; before the server is asked
  const fold = (s) => s.normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/gi, "d").toLowerCase();
  const shown = (e) => e.getClientRects().length && !e.closest("[inert]");
  const make = (name, marks, ...inside) => {
    const made = document.createElement(name);
    Object.entries(marks).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...inside);
    return made;
  };
  const label = (e) => {
    const copy = e.cloneNode(true);
    $$("kbd, svg, .count, .av, [hidden]", copy).forEach((part) => part.remove());
    return (e.dataset.says || e.getAttribute("aria-label") || copy.textContent).replace(/\s+/g, " ").trim();
  };
  // What the narrow page has tucked away (details, menus) can be done all the same.
  const reachable = (e) => !e.disabled && !e.closest("[aria-modal]") && (shown(e) || e.closest("label") || e.matches("[data-command]") || e.closest("#context:not([hidden])"));
  const about = (e, keys) => ({ text: label(e), keys, sign: $("svg.i", e), element: e, href: e.closest("a")?.href });
  const rail = (e) => e.closest(".rail");
  const actions = () => $$("[aria-keyshortcuts], [data-command]").filter((e) => !rail(e) && reachable(e) && (e.dataset.says || !e.matches("input"))).map((e) => about(e, [e.getAttribute("aria-keyshortcuts")].filter((k) => k?.length === 1)));
  const places = () => [...$$("[data-go]").map((e) => about(e, ["g", e.dataset.go])), ...$$(".subnav a, .rail [data-command]").filter(reachable).map((e) => about(e, [e.getAttribute("aria-keyshortcuts")].filter(Boolean)))];

  let offered = [], found = [], at = 0, asked = 0, timer, stop;
  const fits = (text, parts) => { const folded = fold(text); return parts.every((part) => folded.includes(part)); };
  const narrow = (items, q) => {
    const seen = new Set(), parts = fold(q).split(/\s+/).filter(Boolean);
    const left = items.filter((one) => one.text && !seen.has(one.text) && seen.add(one.text) && fits(one.text, parts));
    const first = (one) => (fold(one.text).startsWith(parts[0] || "") ? 0 : 1);
    return q ? left.sort((a, b) => first(a) - first(b)).slice(0, MOST) : left;
  };
  const mark = (to) => {
    const options = $$("[role=option]", list);
    at = options.length ? (to + options.length) % options.length : 0;
    options.forEach((one, n) => one.setAttribute("aria-selected", String(n === at)));
    const now = options[at];
    if (now) { field.setAttribute("aria-activedescendant", now.id); now.scrollIntoView({ block: "nearest" }); }
    else field.removeAttribute("aria-activedescendant");
  };
  const draw = (keep) => {
    const q = field.value.trim();
    offered = [];
    const groups = [[words.here, narrow(actions(), q)], [words.places, narrow(places(), q)]];
    found.forEach((one) => {
      const group = groups.find(([title]) => title === one.group);
      if (group) group[1].push(one); else groups.push([one.group, [one]]);
    });
    list.replaceChildren(...groups.filter(([, items]) => items.length).map(([title, items], n) => {
      const rows = items.map((one) => {
        const row = make("div", { role: "option", id: `palette-${offered.length}`, class: "option" }, one.sign ? one.sign.cloneNode(true) : "", make("span", { class: "grow cut" }, one.text),
          one.note ? make("span", { class: "tiny muted nowrap" }, one.note) : "", ...one.keys.map((k) => make("kbd", { "aria-hidden": "true" }, k)));
        offered.push(one);
        return row;
      });
      return make("div", { role: "group", "aria-labelledby": `palette-g${n}` }, make("h3", { id: `palette-g${n}`, role: "presentation" }, title), ...rows);
    }));
    none.hidden = offered.length > 0;
    count.textContent = (offered.length === 1 ? words.one : words.many).replace("{}", offered.length);
    mark(keep && at < offered.length ? at : 0);
  };
  // The answers are parts of pages: every link of the search is an offer, and every saved reply.
  const parts = (text, selector) => $$(selector, new DOMParser().parseFromString(text, "text/html").body);
  const linked = (text) => parts(text, "a[href]").map((e) => {
    const aside = $(".muted", e), note = aside?.textContent.trim() || "";
    aside?.remove();
    return { text: label(e), note, keys: [], sign: $("svg.i", e), href: e.getAttribute("href"), group: e.closest("[role=group]")?.getAttribute("aria-label") || words.found };
  });
  const saved = (text) => parts(text, "button[data-saved]").map((e) => ({ text: label($("strong", e)), note: $(".chip", e)?.textContent || "", keys: [], saved: e, group: words.saved }));
  const get = (address, name, q, read) => fetch(`${address}?${name}=${encodeURIComponent(q)}`, { headers: { "HX-Request": "true" }, signal: stop.signal })
    .then((answer) => (answer.ok ? answer.text() : "")).then(read);
  const ask = () => {
    clearTimeout(timer);
    stop?.abort();
    const q = field.value.trim(), turn = ++asked;
    if (!q) { found = []; return draw(); }
    timer = setTimeout(() => {
      stop = new AbortController();
      const replies = $("#saved");
      Promise.all([get(words.asks, "q", q, linked), ...(replies ? [get(replies.getAttribute("action"), "words", q, saved), get(replies.dataset.macros, "words", q, linked)] : [])])
        .then(([links, kept = [], macros = []]) => { if (turn === asked) { found = [...kept, ...macros, ...links]; draw(true); } })
        .catch(() => { /* called off by the next letter, or no connection: the page's own offers stay */ });
    }, WAIT_MS);
    draw();
  };
  const run = (one) => {
    box.hidePopover();
    if (one.saved) { // as if it were chosen in the list of saved replies
      const at = $("#saved-list"), put = document.adoptNode(one.saved);
      at.replaceChildren(put);
      window.htmx.process(at);
      return put.click();
    }
    const e = one.element;
    if (!e) { if (one.href) location.assign(one.href); return; }
    if (e.matches("[type=radio]")) { e.click(); return document.getElementById("draft")?.focus(); }
    if (e.matches("textarea, input, select")) return e.focus();
    if (!shown(e) && e.closest("#context")) location.hash = "context"; // narrow: the details first
    if (e.matches("[popovertarget]")) e.focus(); // a menu gives the focus back to its button
    e.click();
  };
  const open = () => {
    if (box.matches(":popover-open")) return box.hidePopover();
    $$("[popover]:popover-open").forEach((menu) => menu.hidePopover());
    field.value = "";
    found = [];
    draw();
    box.showPopover();
    field.focus();
  };
  addEventListener("keydown", (e) => {
    if ((e.metaKey || e.ctrlKey) && !e.altKey && !e.shiftKey && e.code === "KeyK" && !e.isComposing) { e.preventDefault(); open(); }
  });
  box.addEventListener("keydown", (e) => {
    if (e.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) { e.preventDefault(); mark(at + step); }
    if (e.key === "Home" && e.ctrlKey) { e.preventDefault(); mark(0); }
    if (e.key === "Enter" && offered[at]) { e.preventDefault(); e.stopPropagation(); run(offered[at]); }
  });
  field.addEventListener("input", ask);
  list.addEventListener("mousedown", (e) => e.preventDefault()); // the focus stays in the box
  list.addEventListener("click", (e) => { const row = e.target.closest("[role=option]"); if (row) run(offered[$$("[role=option]", list).indexOf(row)]); });
  addEventListener("click", (e) => { if (e.target.closest("[data-palette]")) open(); });
})();
