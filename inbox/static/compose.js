// Writing: drafts kept on the server, files by drop and paste, names in notes. Pages work without it.
(() => {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const form = () => $("#composer"), area = () => $("#draft");
  // The copy kept here outlives the save by seconds (app.js): a page asked for before it comes back without the draft.
  const saved = (n, kind, text) => { try { localStorage.setItem("kip:draft:" + n, JSON.stringify([kind, text, Date.now()])); } catch { /* nothing is kept there */ } };
  const mark = (text) => { const m = $("#draft-saved"); if (m) m.textContent = text; };
  const fold = (s) => s.normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/gi, "d").toLowerCase();
  let timer, since = 0, state = null, saving = Promise.resolve(), moves = 0;

  // ---- drafts: saved a moment after the last key, at the latest every five seconds ----
  const fields = (f, kind, text, more = {}) => {
    const data = new FormData();
    for (const name of ["_csrf_token", "key", "seen", "to", "cc", "bcc"]) if (f.elements[name]) data.set(name, f.elements[name].value);
    data.set("kind", kind); data.set("body", text); data.set("version", state.versions[kind] || 0);
    if (kind === "reply") $$("[name=kept]:checked", f).forEach((box) => data.append("kept", box.value));
    else ["to", "cc", "bcc"].forEach((name) => data.delete(name));
    for (const name in more) data.set(name, more[name]);
    return data;
  };
  const post = async (f, kind, text, more, keepalive = false) => {
    const own = state, n = f.dataset.draft;
    try {
      const answer = await fetch(`/inbox/${n}/drafts`, { method: "POST", headers: { accept: "application/json" }, body: fields(f, kind, text, more), keepalive });
      if (!answer.ok) throw new Error(answer.status);
      const said = await answer.json();
      own.versions[kind] = said.version;
      if (own !== state || own.kind !== kind) return;
      f.elements.version.value = said.version;
      if (area().value === text) { if (text.trim()) saved(n, kind, text); mark(text.trim() ? f.dataset.saved : ""); }
      other(said.other, said.about);
    } catch { if (own === state) mark(f.dataset.unsaved); }
  };
  const other = (text, about) => {
    const box = $("#draft-other");
    if (!box) return;
    box.hidden = !text;
    $("#draft-other-text").textContent = text || "";
    if (about) $("summary", box).textContent = about;
  };
  const save = (more, keepalive) => {
    clearTimeout(timer); timer = 0;
    const f = form();
    if (!f || !state || state.sent) return saving;
    const kind = state.kind, text = area().value;
    mark(f.dataset.saving);
    saving = keepalive ? post(f, kind, text, more, true) : saving.then(() => !state?.sent && form() === f ? post(f, kind, text, more) : null);
    return saving;
  };
  const soon = () => {
    if (!state) return;
    if (!timer) since = Date.now();
    mark(form().dataset.saving);
    clearTimeout(timer);
    timer = setTimeout(save, Math.max(0, Math.min(800, since + 5000 - Date.now())));
  };
  // A reply and a note have drafts of their own; what has none yet takes the text along.
  const follow = () => {
    const f = form(), kind = f?.elements.kind.value;
    if (!state || !kind || kind === state.kind) return;
    const before = state.kind, text = area().value, kept = state.texts[kind];
    clearTimeout(timer); timer = 0;
    state.kind = kind;
    if (kept?.trim()) {
      state.texts[before] = text;
      saving = saving.then(() => post(f, before, text));
      area().value = kept;
    } else if (text.trim()) {
      state.texts[before] = "";
      if (state.versions[before]) saving = saving.then(() => post(f, before, "", { kept: "" }));
      soon();
    }
    state.texts[kind] = "";
    names.close();
  };
  const begin = () => {
    const f = form();
    if (!f || f.dataset.ready) return;
    f.dataset.ready = "1";
    state = { kind: f.elements.kind.value, versions: {}, texts: {}, sent: false };
    for (const kind of ["reply", "note"]) {
      const one = $("#draft-of-" + kind);
      if (one) { state.versions[kind] = +one.dataset.version; if (kind !== state.kind) state.texts[kind] = one.value; }
    }
    const mine = $("#draft-of-" + state.kind)?.value ?? "";
    if (area().value.trim() && area().value !== mine) soon(); // what was only here
  };
  addEventListener("input", (e) => { if (e.target.closest?.("#composer") && e.target.type !== "file") { follow(); soon(); names.look(e.target); } });
  addEventListener("change", (e) => {
    if (e.target.matches?.("#files")) { take(e.target.files); e.target.value = ""; }
    else if (e.target.closest?.("#composer")) { follow(); soon(); }
  });
  addEventListener("focusin", (e) => { if (e.target.id === "draft") { begin(); follow(); } });
  addEventListener("focusout", (e) => { if (timer && e.target.closest?.("#composer")) save(); });
  addEventListener("submit", (e) => { if (e.target.id === "composer") { clearTimeout(timer); timer = 0; if (state) state.sent = true; } }, true);
  addEventListener("htmx:afterRequest", (e) => { if (e.detail.elt.id === "composer" && !e.detail.successful && state) state.sent = false; });
  addEventListener("pagehide", () => { if (timer) save({}, true); });
  addEventListener("htmx:beforeSwap", (e) => { if (timer && e.detail.target?.id === "conversation") save({}, true); });
  addEventListener("kip:settled", begin);
  addEventListener("click", (e) => {
    const what = e.target.closest?.("[data-other]")?.dataset.other;
    if (!what) return;
    if (what === "use") area().value = $("#draft-other-text").textContent;
    save({ settled: "1" }); other("");
    area().focus();
  });
  // ⌘⇧↵ sends and is done, before the page's own ⌘↵ hears of it.
  addEventListener("keydown", (e) => {
    const done = $("#send-done");
    if (!(e.metaKey || e.ctrlKey) || !e.shiftKey || e.key !== "Enter" || !done || !e.target.closest?.("#composer")) return;
    e.preventDefault(); e.stopImmediatePropagation();
    if (form().elements.kind.value === "reply") form().requestSubmit(done);
  }, true);

  // ---- files: dropped, pasted or chosen; each is brought at once and named in the form ----
  const take = (files) => {
    const f = form(), box = $("#kept");
    if (!box || !files.length) return;
    $("#copies").open = true;
    [...files].forEach((file) => bring(f, box, file));
  };
  const bring = (f, box, file) => {
    const line = document.createElement("label"), meter = document.createElement("progress"), data = new FormData(), ask = new XMLHttpRequest();
    line.className = "check";
    meter.max = 1; meter.value = 0;
    meter.setAttribute("aria-label", f.dataset.uploading.replace("{}", file.name));
    line.append(meter, " ", file.name);
    box.append(line);
    data.set("_csrf_token", f.elements._csrf_token.value);
    data.set("files", file);
    ask.responseType = "json";
    ask.upload.onprogress = (e) => { if (e.lengthComputable) meter.value = e.loaded / e.total; };
    ask.onloadend = () => {
      const found = ask.response?.files?.[0];
      line.textContent = "";
      if (!found) { line.setAttribute("role", "alert"); line.textContent = `${file.name}: ${ask.response?.error || document.documentElement.dataset.failed}`; return; }
      const tick = document.createElement("input"), size = document.createElement("small");
      tick.type = "checkbox"; tick.name = "kept"; tick.value = found[0]; tick.checked = true;
      size.className = "muted"; size.textContent = found[2];
      line.append(tick, ` ${found[1]} `, size);
      soon();
    };
    ask.open("POST", `/inbox/${f.dataset.draft}/files`);
    ask.send(data);
  };
  const carries = (e) => e.dataTransfer?.types.includes("Files") && form()?.contains(e.target) && $("#kept");
  addEventListener("dragover", (e) => { if (carries(e)) { e.preventDefault(); form().classList.add("drop"); } });
  addEventListener("dragleave", (e) => { if (!form()?.contains(e.relatedTarget)) form()?.classList.remove("drop"); });
  addEventListener("drop", (e) => { form()?.classList.remove("drop"); if (carries(e)) { e.preventDefault(); take(e.dataTransfer.files); } });
  addEventListener("paste", (e) => { if (e.target.id === "draft" && e.clipboardData?.files.length && $("#kept")) { e.preventDefault(); take(e.clipboardData.files); } });

  // ---- names: @ and a few letters offer colleagues who may see the request ----
  const names = {
    all: {}, found: [], at: 0, from: -1,
    async look(t) {
      const f = form();
      if (t.id !== "draft" || f?.elements.kind.value !== "note") return names.close();
      const hit = /(?:^|[^\p{L}\p{N}@.])@([\p{L}\p{M}\p{N} ]{0,40})$/u.exec(t.value.slice(0, t.selectionStart));
      if (!hit) return names.close();
      const n = f.dataset.draft, turn = ++moves;
      names.all[n] ??= fetch(`/inbox/${n}/people`, { headers: { accept: "application/json" } }).then((r) => r.json()).then((r) => r.people).catch(() => { delete names.all[n]; return []; });
      const all = await names.all[n], typed = fold(hit[1]);
      if (turn !== moves) return;
      names.from = t.selectionStart - hit[1].length;
      names.found = all.filter((name) => name.length >= typed.trim().length && (fold(name).startsWith(typed) || fold(name).split(" ").some((word) => word.startsWith(typed)))).slice(0, 6);
      if (names.found.some((name) => typed.startsWith(fold(name)))) names.found = [];
      names.at = 0; names.draw();
    },
    draw() {
      const box = $("#names");
      if (!box) return;
      box.hidden = !names.found.length;
      box.replaceChildren(...names.found.map((name, i) => {
        const b = document.createElement("button");
        b.type = "button"; b.className = "btn"; b.id = "name-" + i; b.textContent = name; b.tabIndex = -1;
        b.setAttribute("role", "option"); b.setAttribute("aria-selected", i === names.at);
        return b;
      }));
      if (box.hidden) area()?.removeAttribute("aria-activedescendant"); else area()?.setAttribute("aria-activedescendant", "name-" + names.at);
    },
    close() { moves += 1; if (names.found.length) { names.found = []; names.draw(); } },
    pick(i) {
      const t = area();
      t.setRangeText(names.found[i] + " ", names.from, t.selectionStart, "end");
      names.close(); t.focus(); soon();
    },
  };
  addEventListener("mousedown", (e) => { const b = e.target.closest?.("#names button"); if (b) { e.preventDefault(); names.pick(+b.id.slice(5)); } });
  addEventListener("keydown", (e) => {
    if (e.target.id !== "draft" || !names.found.length || e.isComposing) return;
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[e.key], many = names.found.length;
    if (step) { names.at = (names.at + step + many) % many; names.draw(); }
    else if ((e.key === "Enter" && !e.metaKey && !e.ctrlKey) || e.key === "Tab") names.pick(names.at);
    else if (e.key === "Escape") names.close();
    else return;
    e.preventDefault(); e.stopImmediatePropagation();
  }, true);
  begin();
})();
