// The only script of our own. Everything below adds to pages that already work without it.
(() => {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const root = document.documentElement, words = root.dataset;
  const shown = (e) => e && e.getClientRects().length && !e.closest("[inert]");
  // Storage may be forbidden (private windows): then nothing is remembered, and nothing breaks.
  const store = {
    get: (k) => { try { return localStorage.getItem("kip:" + k); } catch { return null; } },
    set: (k, v) => { try { localStorage.setItem("kip:" + k, v); } catch { /* not remembered */ } },
    drop: (k) => { try { localStorage.removeItem("kip:" + k); } catch { /* was not remembered */ } },
  };
  const say = (text) => { const p = $("#say"); if (p) { p.textContent = ""; requestAnimationFrame(() => { p.textContent = text; }); } };
  const emit = (name) => document.body.dispatchEvent(new CustomEvent("kip:" + name));
  root.dataset.js = "";

  // ---- keys: the markup is the map (aria-keyshortcuts), so help and page cannot disagree ----
  const typing = (t) => t.closest?.("input:not([type=checkbox],[type=radio],[type=button],[type=submit]), textarea, select, [contenteditable=true]");
  // Telex and VNI rewrite letters by Backspace and a new character: read the physical key, never composed text.
  const letter = (e) => {
    if (e.isComposing || e.keyCode === 229 || !e.code) return "";
    if (e.code.startsWith("Key")) return e.code.slice(3).toLowerCase();
    if (e.code.startsWith("Digit")) return e.code.slice(5);
    return e.code === "Period" ? "." : e.key;
  };
  let prefix = "", prefixTimer;
  const find = (k) => {
    const all = $$(`[aria-keyshortcuts~="${CSS.escape(k)}"]`), on = all.filter(shown);
    const hit = k === "z" ? on.at(-1) : on[0]; // undo takes back what was done last
    if (hit) return hit;
    const tucked = all.find((e) => e.closest("#context")); // narrow screens: open the details first
    if (tucked) location.hash = "context";
    return tucked;
  };
  const rows = () => $$("[data-keys=list] a.item").filter(shown);
  const step = (d) => {
    const r = rows(), now = r.indexOf(document.activeElement), cur = r.findIndex((a) => a.ariaCurrent === "true");
    const next = r[Math.max(0, Math.min(r.length - 1, (now < 0 ? (cur < 0 ? -1 : cur) : now) + d))];
    if (next) { next.focus({ preventScroll: true }); next.scrollIntoView({ block: "nearest" }); }
  };
  // A dialog is a popover that says that it is modal and keeps the focus. showModal() would make everything
  // else inert: each element gets a new style then, half a second on a slow phone.
  const MODAL = "[aria-modal]:popover-open";
  const openDialog = (id) => document.getElementById(id)?.showPopover();
  addEventListener("mousedown", (e) => { if (e.target.matches?.("[aria-modal]")) e.preventDefault(); }); // it still has the focus to give back
  addEventListener("keydown", (e) => {
    const modal = e.key === "Tab" && $(MODAL);
    if (!modal) return;
    const stops = $$("a[href], button, input, select, textarea", modal).filter((one) => shown(one) && !one.disabled), edge = e.shiftKey ? stops[0] : stops.at(-1);
    if (modal.contains(e.target) && e.target !== edge) return;
    e.preventDefault();
    (e.shiftKey ? stops.at(-1) : stops[0])?.focus();
  });
  const reply = (kind) => {
    const radio = $(`#composer [name=kind][value=${kind}]`);
    if (radio) { radio.checked = true; keep(); $("#draft").focus(); }
    return radio;
  };
  const single = (k) => {
    if (k === "?") return openDialog("shortcuts"), true;
    const open = document.activeElement.matches("a.item") && { ArrowDown: 1, ArrowUp: -1 }[k];
    if (open) return step(open), true;
    if (k === "j" || k === "k") return step(k === "j" ? 1 : -1), true;
    if (k === "o" && document.activeElement.matches("a.item")) return document.activeElement.click(), true;
    if ((k === "r" || k === "n") && reply(k === "r" ? "reply" : "note")) return true;
    const hit = find(k);
    if (hit?.matches("textarea, input[type=search], [popovertarget]")) hit.focus(); // a menu gives the focus back to its button
    if (hit) return hit.matches("textarea, input[type=search]") || hit.click(), true;
    if (/^[1-4]$/.test(k)) { const b = $$("#urgencies button")[k - 1]; b?.click(); return !!b; }
    if (k === "u") { const row = $("a.item[aria-current=true]") || rows()[0]; row?.focus(); return !!row; }
    return false;
  };
  // Esc leaves what lies on top: the details of a narrow page, then the conversation.
  const back = () => (location.hash === "#context" ? (location.hash = "conversation", true) : !!$("#conversation[data-id]") && single("u"));
  addEventListener("keydown", (e) => {
    const cmd = e.metaKey || e.ctrlKey, t = e.target;
    if (e.isComposing || e.defaultPrevented) return;
    if (cmd && e.key === "Enter") {
      const f = t.closest?.("form");
      if (f) { e.preventDefault(); f.requestSubmit(); }
      return;
    }
    const modal = $(MODAL), pop = modal || $("[popover]:popover-open"), k = e.key === "?" ? "?" : letter(e);
    if (e.key === "Escape" && !pop) return typing(t) ? t.blur() : void back();
    if (pop && t.matches?.("[data-filter]") && e.key === "Enter") { e.preventDefault(); return $$("button", pop).find(shown)?.click(); }
    // a digit picks from an open menu, also from its (still empty) search box
    if (pop && !modal && /^[1-9]$/.test(k) && !(typing(t) && t.value)) { const b = $$("button", pop).filter(shown)[k - 1]; if (b) { e.preventDefault(); b.click(); } return; }
    if (cmd || e.altKey || !k || k === "Backspace" || typing(t) || words.keys === "off" || pop) return;
    if (k === "Enter" || (e.shiftKey && k !== "?")) return;
    if (prefix) { const go = $(`[data-go="${CSS.escape(k)}"]`); prefix = ""; if (go) { e.preventDefault(); go.click(); } return; }
    if (k === "g") { prefix = k; clearTimeout(prefixTimer); prefixTimer = setTimeout(() => { prefix = ""; }, 900); return; }
    if (single(k)) e.preventDefault();
  });
  // ---- review: arrows walk the matrix in both directions; Enter in the list of other topics answers ----
  addEventListener("keydown", (e) => {
    const box = e.target.closest?.(".matrix"), d = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -3, ArrowDown: 3 }[e.key];
    if (e.key === "Enter" && e.target.matches?.(".choices select")) { e.preventDefault(); e.target.form.requestSubmit(); }
    if (!box || !d) return;
    e.preventDefault();
    const all = $$("input", box), at = all.indexOf(e.target), to = all[at + d];
    if (to && (d % 3 === 0 || Math.floor(at / 3) === Math.floor((at + d) / 3))) { to.focus(); to.click(); }
  });
  addEventListener("toggle", (e) => {
    if (e.newState === "open" && e.target.matches(".picker")) [$("[data-filter]", e.target), $("button[aria-current]", e.target)].find(shown)?.focus();
  }, true);
  const fold = (s) => s.normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/gi, "d").toLowerCase();
  addEventListener("input", (e) => {
    if (e.target.matches("[data-filter]")) {
      const q = fold(e.target.value.trim());
      $$("button", e.target.form).forEach((b) => { b.hidden = !fold(b.textContent).includes(q); });
    }
    if (e.target.matches("#draft")) keep();
  });

  // ---- theme, dialogs, switches --------------------------------------------
  addEventListener("click", (e) => {
    const opener = e.target.closest("[data-dialog]"), theme = e.target.closest("[data-theme-to]");
    if (opener) { opener.closest("[popover]")?.hidePopover(); openDialog(opener.dataset.dialog); }
    if (e.target.matches("[aria-modal]")) e.target.hidePopover(); // what lies round it belongs to it
    const copier = e.target.closest("[data-copy]");
    if (copier) navigator.clipboard?.writeText(document.getElementById(copier.dataset.copy).textContent).then(() => say(copier.textContent = copier.dataset.copied), () => toast(words.failed));
    if (theme) { // at once; its form has the server keep it
      const to = theme.dataset.themeTo;
      if (to) root.dataset.theme = to; else delete root.dataset.theme;
    }
  });
  addEventListener("change", (e) => {
    if (e.target.matches("[data-keys-toggle]")) {
      words.keys = e.target.checked ? "on" : "off";
      e.target.form.elements.single_keys.value = e.target.checked ? "1" : "0";
      e.target.form.requestSubmit();
    }
    if (e.target.matches("#composer [name=kind]")) keep();
    if (e.target.matches("[data-opens]")) document.getElementById(e.target.dataset.opens)?.focus();
  });

  // ---- drafts: kept here for each conversation, with their kind, so that a note never comes back as a reply ----
  const keep = () => {
    const f = $("#composer"), text = f?.elements.body.value;
    if (!f) return;
    const name = "draft:" + f.dataset.draft, mark = $("#draft-saved");
    if (text.trim()) store.set(name, JSON.stringify([f.elements.kind.value, text])); else store.drop(name);
    if (mark) mark.textContent = text.trim() ? mark.dataset.saved : "";
  };
  const restore = () => {
    const f = $("#composer"), saved = f && !f.elements.body.value && store.get("draft:" + f.dataset.draft);
    if (!saved) return;
    const [kind, text, savedAt] = JSON.parse(saved), radio = $(`[name=kind][value=${CSS.escape(kind)}]`, f);
    if (savedAt && Date.now() - savedAt > 10000) return store.drop("draft:" + f.dataset.draft); // the server knows better
    if (!radio) return;
    radio.checked = true;
    f.elements.body.value = text;
  };
  addEventListener("submit", (e) => {
    if (e.target.id === "composer" && !window.htmx) store.drop("draft:" + e.target.dataset.draft);
    if (e.target.matches("[data-forget]")) try { Object.keys(localStorage).filter((k) => k.startsWith("kip:draft:")).forEach((k) => localStorage.removeItem(k)); } catch { /* nothing was kept */ }
  });

  // ---- toasts: ten seconds, longer while pointer or focus is on one ---------
  const toast = (text) => {
    const box = document.createElement("div");
    box.className = "toast toast-late"; box.setAttribute("role", "alert"); box.textContent = text;
    $("#toasts")?.append(box); age(box);
  };
  const age = (box) => {
    if (box.dataset.aged) return;
    box.dataset.aged = "1";
    const leave = () => (box.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : box.remove());
    setTimeout(leave, 10000);
  };
  // Three at most: more would cover the list. The one that is being read or clicked stays.
  const ageAll = () => {
    $$("#toasts > :not(.toast)").forEach((wrap) => wrap.replaceWith(...wrap.children)); // what came out of band brings its wrapper
    $$("#toasts > .toast").forEach(age);
    $$("#toasts > .toast").slice(0, -3).forEach((box) => box.matches(":hover, :focus-within, [role=alert]") || box.remove());
  };

  // ---- deadline clocks: words come from the server, only numbers change here ----
  const skew = words.now ? Date.parse(words.now) - Date.now() : 0;
  const unit = (m) => (m < 60 ? `${m} ${words.min}` : `${Math.floor(m / 60)} ${words.h}`);
  const tick = () => $$("time[data-due]").forEach((t) => {
    // as the server says it: late from the deadline on, whole minutes, never "0 min"
    const left = Date.parse(t.dateTime) - Date.now() - skew, late = left <= 0, m = Math.max(1, Math.floor(Math.abs(left) / 60000));
    if (left >= 3600000 || (late && m >= 1440) || !t.lastChild) return;
    const text = (late ? words.late : words.left).replace("{}", unit(m)), was = t.classList.contains("sla-late"), use = $("use", t);
    if (t.lastChild.nodeValue !== text) t.lastChild.nodeValue = text;
    t.classList.remove("sla-ok"); t.classList.toggle("sla-late", late); t.classList.toggle("sla-soon", !late);
    const sign = use?.getAttribute("href").replace(/#.*/, late ? "#clock-alert" : "#hourglass");
    if (sign && sign !== use.getAttribute("href")) use.setAttribute("href", sign);
    if (late && !was && t.closest("a.item")) say(`${$(".name", t.closest("a"))?.textContent}: ${text}`);
  });
  if (words.late) { tick(); setInterval(() => document.hidden || tick(), 15000); }

  const TITLE = "#conversation h1[tabindex], #conversation h2[tabindex]";
  // ---- htmx: options that CSP forbids in attributes; focus is never lost; errors leave everything as it was ----
  if (window.Idiomorph) {
    const morph = window.Idiomorph.defaults;
    morph.ignoreActiveValue = true;
    // what somebody folded out stays so when a message arrives
    morph.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.localName === "details");
  }
  let last, had, opening, running = 0; // had: what had the focus before a swap
  const ownToast = (xhr) => xhr?.getResponseHeader("HX-Retarget") === "#toasts";
  // What weighed in sorting, named in the panel, is painted in the customer's words; the text stays as it is.
  const paint = () => {
    if (!window.Highlight || !CSS.highlights) return;
    const terms = $$("#context [data-why] mark").map((e) => e.textContent.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+"));
    const ranges = [], one = terms.length && new RegExp(`(?<![\\p{L}\\p{N}])(?:${terms.join("|")})(?![\\p{L}\\p{N}])`, "giu");
    if (one) $$(".thread .msg:not(.msg-out, .msg-note) .body > p").forEach((p) => {
      const walk = document.createTreeWalker(p, NodeFilter.SHOW_TEXT);
      while (walk.nextNode()) for (const hit of walk.currentNode.data.matchAll(one)) {
        const range = new Range();
        range.setStart(walk.currentNode, hit.index); range.setEnd(walk.currentNode, hit.index + hit[0].length);
        ranges.push(range);
      }
    });
    CSS.highlights.set("why", new window.Highlight(...ranges));
  };
  // Of one answer many things are swapped, each with events of its own: they are looked at together, once,
  // before anything else can happen. What is asked of the page between two changes lays it out anew.
  let swapped = [], isOver = false;
  const gather = (e) => { if (swapped.push(e.target) === 1) queueMicrotask(settle); isOver ||= e.type === "htmx:afterSettle"; };
  const settle = () => {
    const parts = swapped, over = isOver;
    swapped = []; isOver = false;
    mark(); tick(); paint(); restore(); ageAll(); shownConversation();
    dispatchEvent(new Event("kip:settled"));
    giveBack(parts);
    if (over) last = "";
    const thread = $(".thread"), f = $("#composer");
    // with nothing typed yet, what is on the page has been seen; with a draft, the server shall ask
    if (thread && f && !f.elements.body.value && f.dataset.draft === $("#conversation")?.dataset.id) f.elements.seen.value = thread.dataset.seen;
  };
  // only what a swap took away or hid is given back: a background refresh never moves the focus
  const giveBack = (parts) => {
    const here = document.activeElement;
    if (!last || (had?.isConnected && shown(had)) || (here && here !== document.body && shown(here))) return;
    const to = [document.getElementById(last), ...parts.map((part) => $("[data-focus]", part)), $(TITLE)].find(shown);
    to?.focus({ preventScroll: true });
  };
  const mark = () => $$("a.item").forEach((a) => {
    if (a.pathname === location.pathname) { a.ariaCurrent = "true"; a.classList.remove("unread"); } else a.ariaCurrent = null;
  });
  addEventListener("htmx:beforeSwap", (e) => {
    // the server may send a sentence of its own as a toast with any error
    if (ownToast(e.detail.xhr)) e.detail.shouldSwap = true;
    const from = e.detail.requestConfig?.elt;
    if (from?.id === "composer" && e.detail.xhr.status < 300) store.drop("draft:" + from.dataset.draft);
    const a = document.activeElement;
    had = a === document.body ? null : a;
    // what an answer before this one took away, and has not given back yet, is still to be
    last = had ? had.id || "-" : from?.hidden ? last : "-";
    // A mail that was sent is done with: keys work again. In a chat the next line follows.
    if (from?.id === "composer" && e.detail.xhr.status < 300 && from.elements.cc && a?.closest("#composer")) { last = "-"; had = null; a.blur(); }
    // Done opens another conversation, where the same button would be another question
    if (a?.closest("#conversation, #context") && e.detail.xhr.getResponseHeader("HX-Push-Url")) { last = "-"; had = null; a.blur(); }
    // what is taken away with the focus in it has the page laid out in between, with both in it
    else if (a && from?.matches?.("a.item") && e.detail.target.contains(a)) a.blur();
    opening = e.detail.shouldSwap && e.detail.target.id === "conversation";
  });
  // htmx says of each element that goes that it goes, a thousand times for a conversation, and nobody listens.
  // Both panes go, this one first; what was being written in them is saved by now.
  addEventListener("htmx:oobBeforeSwap", (e) => {
    if (opening && e.detail.target.id === "context") { e.detail.target.replaceChildren(); $("#conversation").replaceChildren(); }
  });
  for (const name of ["htmx:afterSwap", "htmx:oobAfterSwap", "htmx:afterSettle"]) addEventListener(name, gather);
  // Counted from what is really sent (a preload calls its request off) to the very end, also of an
  // element that a swap took away, whose own events nobody hears any more.
  addEventListener("htmx:beforeSend", (e) => {
    const line = $("#busy");
    running += 1;
    line?.classList.add("htmx-request");
    e.detail.xhr.addEventListener("loadend", () => {
      running -= 1;
      if (running) return;
      line?.classList.remove("htmx-request");
      hearAll(held);
    });
  });
  addEventListener("htmx:afterRequest", (e) => {
    const from = e.detail.elt;
    if (!e.detail.successful) return;
    if (from.matches?.("[popover]:popover-open")) from.hidePopover();
  });
  addEventListener("htmx:responseError", (e) => {
    const code = e.detail.xhr.status;
    if (ownToast(e.detail.xhr)) return;
    toast(code === 403 ? words.forbidden : code === 404 ? words.gone : words.failed);
  });
  let missed = 0; // what followed by itself and got no answer is asked for again
  addEventListener("htmx:sendError", (e) => {
    if (!e.detail.elt.hidden) toast(words.offline);
    else missed ||= setTimeout(() => { missed = 0; everything(); }, 4000);
  });

  // ---- what changed elsewhere: names only; one stream for all tabs of a browser ----
  const waiting = new Set(), held = new Set(), reading = () => $("#list")?.matches(":hover, :focus-within");
  let changes = 0, lastList = 0, listTimer, alive = 0;
  const pill = $("#changes");
  const show = () => {
    if (!pill) return;
    pill.hidden = !changes;
    $("span", pill).textContent = (changes === 1 ? pill.dataset.one : pill.dataset.many).replace("{}", changes);
    if (changes === 1) say(pill.dataset.one); // the first one only; the button says how many there are
  };
  const refetchList = () => { changes = 0; show(); lastList = Date.now(); emit("list"); };
  const listChanged = () => {
    if (reading()) { changes += 1; return show(); } // nothing moves under the reader
    if (listTimer) return;
    const wait = Math.max(0, lastList + 3000 - Date.now()) + Math.random() * 800;
    listTimer = setTimeout(() => { listTimer = 0; if (reading()) { changes += 1; show(); } else refetchList(); }, wait);
  };
  pill?.addEventListener("click", refetchList);
  $("section.list")?.addEventListener("mouseleave", () => { if (changes && !reading()) refetchList(); });
  const hear = (name) => {
    if (!name) return;
    const where = name.startsWith("here:") && name.slice(5);
    if (document.hidden) waiting.add(where ? "here:*" : name);
    else if (where) dispatchEvent(new CustomEvent("kip:here", { detail: where }));
    else if (name === "*" || name === "gap") everything();
    else if (name === "list") listChanged();
    // what runs may put another conversation here: asking now would bring parts without a place
    else if (running && name.startsWith("conv-")) held.add(name);
    else emit(name);
  };
  const hearAll = (names) => { const now = [...names]; names.clear(); now.forEach(hear); };
  const onConversation = (tell) => { const id = $("#conversation")?.dataset.id; if (id) tell("conv-" + id); };
  const shownConversation = () => onConversation((name) => listenFor(name));
  const everything = () => { hear("list"); hear("notices"); hear("here:*"); onConversation(hear); };
  addEventListener("visibilitychange", () => { if (!document.hidden) { tick(); hearAll(waiting); } });

  // An EventSource hears only names it was told: the leading tab listens for what every tab shows.
  let listenFor = () => {};
  if ($("[hx-trigger*='kip:']")) {
    const others = "BroadcastChannel" in window ? new BroadcastChannel("kip-live") : null;
    const heard = new Set(["list", "notices", "gap", "beat", "here"]);
    const ASLEEP = 300000, DEAD = 30000; // no tab is looked at; not even a beat has come
    let stream, beaten = 0, seen = Date.now(), wake = () => {};
    const pass = (name) => { alive = Date.now(); others?.postMessage(name); hear(name); };
    const attach = (name) => stream.addEventListener(name, ({ data }) => { beaten = Date.now(); pass(name === "beat" ? "" : name === "here" ? "here:" + data : name); });
    const look = () => { if (!document.hidden) { seen = Date.now(); wake(); others?.postMessage("!"); } };
    addEventListener("visibilitychange", look);
    addEventListener("online", () => wake(true));
    setInterval(look, 60000);
    listenFor = (name) => {
      if (!stream) return others?.postMessage("+" + name);
      if (!heard.has(name)) { heard.add(name); attach(name); }
    };
    others?.addEventListener("message", ({ data }) => {
      if (data === "!") { seen = Date.now(); return wake(); }
      alive = Date.now();
      if (data === "?") shownConversation(); // a new leader asks what is on the pages
      else if (data[0] !== "+") hear(data);
      else if (stream) listenFor(data.slice(1));
    });
    const lead = () => new Promise(() => { // never settles: the lock is held until the tab goes
      let gap = false;
      const open = () => {
        const mine = stream = new EventSource("/live");
        heard.forEach(attach);
        beaten = Date.now();
        stream.onopen = () => { beaten = Date.now(); pass(gap ? "*" : ""); gap = false; };
        // a refused stream (server starting, signed out) is closed for good: ask again later
        stream.onerror = () => { gap = true; if (mine === stream && mine.readyState === EventSource.CLOSED) setTimeout(() => mine === stream && open(), 5000 + Math.random() * 5000); };
      };
      const again = () => { stream?.close(); gap = true; open(); };
      wake = (online) => { if (online || !stream) again(); };
      open();
      others?.postMessage("?");
      shownConversation();
      setInterval(() => {
        if (!stream) return;
        if (Date.now() - seen > ASLEEP) { stream.close(); stream = null; return; }
        if (stream.readyState === EventSource.OPEN) { if (Date.now() - beaten > DEAD) again(); else pass(""); }
      }, 8000);
    });
    if (navigator.locks) navigator.locks.request("kip-live", lead); else lead();
    setInterval(() => { if (Date.now() - alive > 20000) everything(); }, 20000); // without the stream pages still follow
  }
  const wrong = $$("main [aria-invalid=true]").find(shown); // a form that came back: where its first error is
  (wrong || ($(".flash") && document.activeElement === document.body && $(TITLE)))?.focus?.({ preventScroll: !wrong }); // an action that led here
  const here = $(".subnav [aria-current]"), list = here?.closest(".subnav"); // on a phone it is one long line; the page itself stays
  if (list) {
    const [at, of] = [here, list].map((one) => one.getBoundingClientRect());
    list.scrollBy(at.left - of.left - (of.width - at.width) / 2, at.top - of.top - (of.height - at.height) / 2);
  }
  mark(); paint(); restore(); ageAll(); show(); shownConversation();
  $("a.item[aria-current]")?.scrollIntoView({ block: "nearest" }); // what is open, in its list
})();
