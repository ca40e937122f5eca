// Who else is here: says every ten seconds what this tab shows, and marks rows and the composer.
(() => {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const BEAT = 10000, DWELL = 1000, WRITING = 20000, APART = 1000;
  if (!$("#here")) return;
  const tab = [...crypto.getRandomValues(new Uint8Array(8))].map((b) => b.toString(16).padStart(2, "0")).join("");
  let typedAt = -WRITING, said = "", place = "", dwell, asked = 0, asking;

  // ---- said: one small request per ten seconds, and at once when writing begins ----
  const open = () => $("#conversation")?.dataset.id || "";
  const writes = () => performance.now() - typedAt < WRITING;
  const body = (number, state) => new URLSearchParams({ number, tab, state, _csrf_token: $("input[name=_csrf_token]")?.value || "" });
  const say = (number, state) => {
    said = number + state;
    fetch("/here", { method: "POST", body: body(number, state) }).catch(() => { said = ""; });
  };
  const beat = () => { if (open() && (!document.hidden || writes())) say(open(), writes() ? "writes" : "looks"); };
  const leave = () => { if (said) { navigator.sendBeacon("/here", body(place || "0", "left")); said = ""; } };
  const moved = () => {
    const at = open(), text = $("#draft")?.value;
    if (at === place) { // an answer that has gone is not being written any more
      if (!text && writes() && said) { typedAt = -WRITING; beat(); }
      return;
    }
    clearTimeout(dwell);
    typedAt = -WRITING;
    if (place && !at) leave();
    place = at;
    if (at) dwell = setTimeout(beat, DWELL); // who only passes by is not announced
  };
  addEventListener("input", (e) => {
    if (!e.target.matches?.("#draft") || $("#composer [name=kind]:checked")?.value !== "reply") return;
    typedAt = performance.now();
    if (said !== open() + "writes") beat();
  });
  setInterval(beat, BEAT);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (e) => { if (e.persisted) beat(); });
  addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });

  // ---- shown: from #here onto the rows and the line above the composer ----
  const draw = () => {
    const present = $$("#here > [data-here]"), marks = new Map(present.map((one) => [one.dataset.here, one]));
    $$("a.item").forEach((row) => {
      const old = $(".typing", row), now = marks.get(row.id.slice(1));
      if (old && now && old.isEqualNode(now)) return;
      old?.remove();
      if (now) $(".meta", row)?.insertBefore(now.cloneNode(true), $(".meta > .push", row)?.nextSibling || null);
    });
    const line = $("#here-line"), text = marks.get(open())?.title || "";
    if (line && line.textContent !== text) line.textContent = text;
  };
  const fetchHere = async () => {
    asking = 0;
    asked = performance.now();
    const answer = await fetch("/here").catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const now = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("here");
    if (now) $("#here").replaceChildren(...now.childNodes);
    draw();
  };
  const shows = (number) => number === "*" || number === open() || $("#r" + CSS.escape(number));
  addEventListener("kip:here", (e) => {
    if (asking || !String(e.detail).split(",").some(shows)) return;
    asking = setTimeout(fetchHere, Math.max(0, asked + APART - performance.now()) + Math.random() * 200);
  });
  const settled = () => { moved(); draw(); };
  ["kip:settled", "popstate"].forEach((name) => addEventListener(name, settled));
  moved();
  fetchHere();
})();
