// The chat on a company's own pages: <script src="https://OUR/widget/KEY.js" async></script>
// One file, nothing loaded besides: styles are constructed, icons are drawn, markup is made node by
// node, so that it runs under default-src 'none' and Trusted Types. Attributes: docs/channels.md.
(() => {
  const script = document.currentScript, found = script && /^(.*)\/widget\/([^/?#]+)\.js$/.exec(script.src.split(/[?#]/)[0]);
  if (!found || window.Kip) return;
  const [, origin, key] = found, choice = script.dataset;
  const language = (choice.language || document.documentElement.lang || navigator.language || "").toLowerCase().startsWith("vi") ? "vi" : "en";
  const MOST = 4000, PING_MS = 25000, SILENT_MS = 10000, FIRST_MS = 500, MOST_MS = 20000, HOLD_MS = 11000, GAP_MS = 600;

  // ---- words -----------------------------------------------------------------------------------
  const t = {
    en: {
      chat: "Chat", with: (c) => `Chat with ${c}`, open: "Open chat", close: "Close chat", news: (n) => `${n} new ${n > 1 ? "messages" : "message"}`, messages: "Messages", write: "Write a message", send: "Send", hello: "Hello! How can we help?", you: "You", auto: "Automatic answer",
      name: "Your name", email: "E-mail", optional: "Both optional.", needed: "Please tell us who you are.", here: "We are here now", shut: "We are closed now", why: "With an e-mail address our answer reaches you even after you leave.", whyShut: "Leave an e-mail address and our answer will reach you there.",
      connecting: "Connecting…", offline: "No connection. What you write is kept here and sent when the connection is back.", sending: "sending…", waiting: "waiting to be sent", sent: "sent", failed: "not sent",
      long: (n) => `That is ${n} characters; one message holds ${MOST}. Please split it.`, badName: "Please tell us your name.", badEmail: "Please check the e-mail address.", not_here: "Chat is not available here.",
      busy: "That was a lot at once. The rest is kept here and sent in a moment.", typing: "Somebody is writing…", seen: (at) => `seen ${at}`, mailed: "by e-mail", sound: "Sound for new messages", file: "Send a file", fileBig: "A file may have 5 MB at most.", fileBad: "This kind of file is not taken.", fileMany: "That were many files. Please send the next one later.", refused: "That message could not be taken. Please write it another way.",
    },
    vi: {
      chat: "Chat", with: (c) => `Chat với ${c}`, open: "Mở chat", close: "Đóng chat", news: (n) => `${n} tin mới`, messages: "Tin nhắn", write: "Nhập tin nhắn", send: "Gửi", hello: "Xin chào, chúng tôi có thể giúp gì cho anh/chị ạ?", you: "Anh/chị", auto: "Trả lời tự động",
      name: "Tên anh/chị", email: "E-mail", optional: "Không bắt buộc.", needed: "Anh/chị vui lòng cho biết mình là ai.", here: "Đang có người trực", shut: "Hiện ngoài giờ làm việc", why: "Có e-mail, câu trả lời vẫn đến được với anh/chị khi đã rời trang.", whyShut: "Anh/chị để lại e-mail, chúng tôi sẽ trả lời qua đó.",
      connecting: "Đang kết nối…", offline: "Mất kết nối. Tin nhắn được giữ ở đây và sẽ gửi đi khi có mạng lại.", sending: "đang gửi…", waiting: "chờ gửi", sent: "đã gửi", failed: "chưa gửi được",
      long: (n) => `Tin này dài ${n} ký tự, mỗi tin tối đa ${MOST}. Anh/chị vui lòng chia thành nhiều tin.`, badName: "Anh/chị vui lòng cho biết tên.", badEmail: "Anh/chị vui lòng xem lại địa chỉ e-mail.", not_here: "Chat chưa dùng được ở trang này.",
      busy: "Anh/chị gửi hơi nhiều cùng lúc. Phần còn lại được giữ ở đây và sẽ gửi đi sau ít giây.", typing: "Đang nhập câu trả lời…", seen: (at) => `đã xem ${at}`, mailed: "qua e-mail", sound: "Âm thanh khi có tin mới", file: "Gửi tệp", fileBig: "Mỗi tệp tối đa 5 MB.", fileBad: "Loại tệp này không nhận được.", fileMany: "Anh/chị đã gửi nhiều tệp, vui lòng gửi tiếp sau.", refused: "Tin này không nhận được. Anh/chị vui lòng viết lại cách khác.",
    },
  }[language];

  // ---- what this browser remembers; where storage is blocked, the page's life is what there is ----
  const guard = (work, otherwise) => { try { return work(); } catch { return otherwise; } };
  // Whom the site vouches for is known by that alone: what is kept for one user is no other's.
  let identity = choice.user || "";
  const user = identity && guard(() => JSON.parse(atob(identity.split(".")[0].replace(/-/g, "+").replace(/_/g, "/"))).id, "?");
  const prefix = `kip:${origin}:${key}:${user ? `@${user}:` : ""}`;
  const store = {
    get: (name) => guard(() => localStorage.getItem(prefix + name), null),
    set: (name, text) => guard(() => localStorage.setItem(prefix + name, text)),
    drop: (name) => guard(() => localStorage.removeItem(prefix + name)),
    // each unsent message is an entry of its own, so that tabs never overwrite each other's
    unsent: () => guard(() => Object.keys(localStorage).filter((name) => name.startsWith(`${prefix}out:`)).map((name) => ({
      cid: name.slice(prefix.length + 4), ...JSON.parse(localStorage.getItem(name)),
    })).filter((one) => typeof one.text === "string").sort((a, b) => (a.at < b.at ? -1 : 1)), []),
  };
  const uuid = () => { // randomUUID is missing on pages without https
    const b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = (b[6] & 15) | 64; b[8] = (b[8] & 63) | 128;
    return [...b].map((n, i) => ([4, 6, 8, 10].includes(i) ? "-" : "") + n.toString(16).padStart(2, "0")).join("");
  };

  // ---- looks -----------------------------------------------------------------------------------
  // An accent is taken as far towards black or white as its letters need to be read (4.5:1).
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05); };
  const legible = (rgb, on, towards) => { let now = rgb; for (let step = 0; step <= 20 && contrast(now, on) < 4.6; step++) now = rgb.map((c) => Math.round(c + (towards - c) * step / 20)); return `rgb(${now})`; };
  const WHITE = [255, 255, 255], NIGHT = [21, 24, 31];
  const asked = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(choice.accent || "")?.[1];
  const accent = asked && (asked.length === 3 ? [...asked].map((c) => c + c) : asked.match(/../g)).map((c) => parseInt(c, 16));
  const own = accent ? (on, towards) => { const c = legible(accent, on, towards); return `--accent:${c};--strong:${c};--launch:${c};--focus:${c};--head:${legible(accent, WHITE, 0)};--head2:#fff;--soft:var(--hover);`; } : () => "";
  const CSS = `
:host{all:initial!important;direction:ltr!important;position:fixed!important;inset:auto 0 0 auto!important;z-index:2147483000!important}*{box-sizing:border-box;margin:0;padding:0;font:inherit;letter-spacing:inherit}[hidden]{display:none!important}.k{color-scheme:light;--surface:#fff;--hover:#f3f1ee;--line:#e5e2e0;--input:#888c95;--ink:#1b202d;--ink2:#484d59;--ink3:#626773;--accent:#36459e;--strong:#293488;--on:#fff;--soft:#eff2fe;--focus:#4556d9;--head:#1c2553;--head2:#d2d6ec;--launch:#29347b;--late:#b0171a;--late-soft:#ffeeec;--soon:#824a04;--soon-soft:#fff1d3;--dot:#c72122;${own(WHITE, 0)}font:15px/1.5 "Inter",system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Arial,sans-serif;color:var(--ink);text-align:start;-webkit-text-size-adjust:100%}.k[data-dark]{color-scheme:dark;--surface:#15181f;--hover:#22252f;--line:#282c35;--input:#767b88;--ink:#ebedf1;--ink2:#babec6;--ink3:#9a9ea9;--accent:#9daafa;--strong:#b7c3ff;--on:#0c112a;--soft:#1f2540;--focus:#a9b7ff;--head:#161c3b;--launch:#919eec;--late:#ff9890;--late-soft:#3b1d1c;--soon:#f3c46b;--soon-soft:#322613;${own(NIGHT, 255)}}
svg{display:block;inline-size:18px;block-size:18px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round;flex:none}button{display:grid;place-items:center;inline-size:44px;block-size:44px;border:1px solid transparent;background:none;color:inherit;cursor:pointer;touch-action:manipulation}:focus-visible{outline:2px solid var(--focus);outline-offset:2px}.sr{position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}.launch{position:fixed;inset-block-end:calc(24px + env(safe-area-inset-bottom));inset-inline-end:24px;inline-size:56px;block-size:56px;border-radius:50%;background:var(--launch);color:var(--on);box-shadow:0 12px 32px -6px rgb(12 16 40/.4),0 2px 6px rgb(12 16 40/.16)}.launch svg{inline-size:24px;block-size:24px}.launch:hover{background:var(--strong)}.left .launch{inset-inline:24px auto}.left .panel{inset-inline:24px auto}
.badge{position:absolute;inset:-4px -4px auto auto;min-inline-size:22px;block-size:22px;padding-inline:5px;border-radius:11px;border:2px solid var(--surface);background:#c72122;color:#fff;font-size:12px;line-height:18px;font-weight:600;text-align:center}.panel{position:fixed;inset-block-end:calc(92px + env(safe-area-inset-bottom));inset-inline-end:24px;inline-size:376px;block-size:min(608px,calc(100vh - 120px));block-size:min(608px,calc(100dvh - 120px));display:grid;grid-template-rows:auto minmax(0,1fr) auto auto;border-radius:18px;overflow:hidden;background:var(--surface);border:1px solid var(--line);box-shadow:0 24px 60px -12px rgb(12 16 40/.4),0 4px 12px rgb(12 16 40/.14);outline:0}.head{display:grid;grid-template-columns:auto minmax(0,1fr) auto auto;gap:0 12px;align-items:center;padding:12px 12px 12px 16px;background:var(--head);color:#fff}
.mono{inline-size:36px;block-size:36px;border-radius:9px;display:grid;place-items:center;background:rgb(255 255 255/.16);font-size:17px;font-weight:600}.title{font-size:16px;line-height:1.4;font-weight:600;overflow-wrap:anywhere}.sub{font-size:13px;line-height:1.4;color:var(--head2)}.head button{border-radius:7px}.head button:hover{background:rgb(255 255 255/.14)}.head :focus-visible{outline-color:#fff;outline-offset:-2px}.log{overflow-y:auto;overscroll-behavior:contain;padding:16px;outline-offset:-3px}.list{display:flex;flex-direction:column;gap:12px}.bub{max-inline-size:84%;display:grid;justify-items:start;gap:3px}.bub small{font-size:12px;line-height:1.45;color:var(--ink3);padding-inline:4px}.b{padding:9px 13px;border:1px solid transparent;border-radius:16px 16px 16px 4px;background:var(--hover);white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;max-inline-size:100%}.b a{color:inherit;text-underline-offset:2px}
.me{align-self:flex-end;justify-items:end}.me .b{border-radius:16px 16px 4px;background:var(--accent);color:var(--on)}.me.kept .b{opacity:1;background:var(--soft);border:1px dashed var(--accent);color:var(--ink)}.me.failed small{color:var(--late)}.auto{max-inline-size:100%;align-self:stretch;justify-items:stretch}.auto .b{display:flex;gap:8px;align-items:center;padding:8px 12px;border-radius:7px;background:var(--soft);font-size:13px;line-height:1.45;color:var(--ink2)}.auto svg{color:var(--accent)}.log>.auto{margin-block-start:12px}.status{padding:8px 16px;font-size:13px;line-height:1.45;background:var(--soon-soft);color:var(--soon)}.status.calm{background:none;color:var(--ink3)}form{padding:4px 12px calc(12px + env(safe-area-inset-bottom));display:grid;gap:8px}.ask{display:grid;grid-template-columns:1fr 1fr;gap:8px;align-items:end}.ask p{grid-column:1/-1;font-size:13px;line-height:1.45;color:var(--ink2)}label{display:grid;gap:3px;font-size:13px;line-height:1.4;font-weight:500;min-inline-size:0}
input{min-block-size:44px;min-inline-size:0;inline-size:100%;padding:6px 10px;border:1px solid var(--input);border-radius:7px;background:var(--surface);color:var(--ink);font-size:15px;font-weight:400}input:focus-visible{outline-offset:-1px}[aria-invalid=true]{border-color:var(--late)}.wrong{font-size:13px;line-height:1.45;color:var(--late)}.dots{margin-block-start:12px;font-size:13px;color:var(--ink3)}.head [aria-pressed=false]{opacity:.6}.box{display:grid;grid-template-columns:minmax(0,1fr) auto auto;gap:4px;align-items:end;padding:4px 4px 4px 12px;border:1px solid var(--input);border-radius:12px}.box:focus-within{outline:2px solid var(--focus);outline-offset:-1px}textarea{inline-size:100%;min-block-size:44px;max-block-size:136px;padding:11px 0;border:0;background:none;color:var(--ink);resize:none;font-size:15px;line-height:22px}textarea:focus-visible{outline:0}::placeholder{color:var(--ink3);opacity:1}.box button{border-radius:9px}.box [type=submit]{background:var(--accent);color:var(--on)}.box [type=submit]:hover{background:var(--strong)}
@media (max-width:480px),(max-height:480px){.panel,.left .panel{inset:var(--top,0) 0 auto 0;inline-size:auto;block-size:100vh;block-size:100dvh;block-size:var(--tall,100dvh);border:0;border-radius:0}.opened .launch{display:none}input,textarea{font-size:16px}.head{padding-block-start:calc(12px + env(safe-area-inset-top))}}@media (prefers-reduced-motion:no-preference){.panel{animation:rise .16s cubic-bezier(.2,.8,.2,1)}@keyframes rise{from{opacity:0;transform:translateY(8px)}}}@media (forced-colors:active){.b,.panel,.launch,.box button,.head,.status{border:1px solid}.badge{border-color:Canvas}.box:focus-within{outline-color:Highlight}}@media print{:host{display:none!important}}`;
  const DRAW = {
    chat: ["M2.992 16.342a2 2 0 0 1 .094 1.167l-1.065 3.29a1 1 0 0 0 1.236 1.168l3.413-.998a2 2 0 0 1 1.099.092 10 10 0 1 0-4.777-4.719"],
    clip: ["m16 6-8.414 8.586a2 2 0 0 0 2.829 2.829l8.414-8.586a4 4 0 1 0-5.657-5.657l-8.379 8.551a6 6 0 1 0 8.485 8.485l8.379-8.551"], bell: ["M10.268 21a2 2 0 0 0 3.464 0", "M3.262 15.326A1 1 0 0 0 4 17h16a1 1 0 0 0 .74-1.673C19.41 13.956 18 12.499 18 8A6 6 0 0 0 6 8c0 4.499-1.411 5.956-2.738 7.326"],
    down: ["m6 9 6 6 6-6"], x: ["M18 6 6 18", "m6 6 12 12"], clock: ["M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20", "M12 6v6l4 2"],
    send: ["M14.536 21.686a.5.5 0 0 0 .937-.024l6.5-19a.496.496 0 0 0-.635-.635l-19 6.5a.5.5 0 0 0-.024.937l7.93 3.18a2 2 0 0 1 1.112 1.11z", "m21.854 2.147-10.94 10.939"],
  };
  const make = (node, traits, inside) => { for (const [name, value] of Object.entries(traits)) node.setAttribute(name, value); node.append(...inside); return node; };
  const el = (tag, traits = {}, ...inside) => make(document.createElement(tag), traits, inside);
  const icon = (name) => {
    const svg = (tag, traits, ...inside) => make(document.createElementNS("http://www.w3.org/2000/svg", tag), traits, inside);
    return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, ...DRAW[name].map((d) => svg("path", { d })));
  };

  // ---- the parts -------------------------------------------------------------------------------
  let must = choice.ask === "required";
  const host = el("kip-chat"), shade = host.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS); shade.adoptedStyleSheets = [sheet];
  const mono = el("span", { class: "mono", "aria-hidden": "true" }, icon("chat")), title = el("p", { class: "title" }, t.chat), sub = el("p", { class: "sub" });
  const shutter = el("button", { type: "button", "aria-label": t.close }, icon("x")), bell = el("button", { type: "button", "aria-label": t.sound, "aria-pressed": "false" }, icon("bell"));
  const list = el("div", { class: "list", role: "log", "aria-label": t.messages, "aria-relevant": "additions" });
  const dots = el("p", { class: "dots" }, t.typing), hope = el("span"), promise = el("div", { class: "auto" }, el("p", { class: "b" }, icon("clock"), hope)); // until the first message has its own
  const log = el("div", { class: "log", tabindex: "0", role: "region", "aria-label": t.messages }, list, promise, dots);
  const status = el("p", { class: "status", role: "status" });
  const field = (name, traits) => el("input", { name, maxlength: "120", autocomplete: name, ...traits });
  const name = field("name", { type: "text" }), email = field("email", { type: "email", inputmode: "email", maxlength: "200" });
  const label = (text, input) => el("label", {}, text, input);
  const why = el("p"), ask = el("div", { class: "ask" }, why, label(t.name, name), label(t.email, email));
  const wrong = el("p", { class: "wrong", id: "wrong", role: "alert" });
  const draft = el("textarea", { rows: "1", "aria-label": t.write, placeholder: t.write, enterkeyhint: "send", autocomplete: "off" });
  const files = el("input", { type: "file", multiple: "", tabindex: "-1", "aria-hidden": "true" }), clip = el("button", { type: "button", "aria-label": t.file }, icon("clip"));
  const form = el("form", { novalidate: "" }, ask, wrong, el("div", { class: "box" }, draft, clip, el("button", { type: "submit", "aria-label": t.send }, icon("send"))));
  const panel = el("section", { class: "panel", id: "panel", role: "dialog", "aria-label": t.chat, tabindex: "-1" }, el("div", { class: "head" }, mono, el("div", {}, title, sub), bell, shutter), log, status, form, files);
  const badge = el("span", { class: "badge", "aria-hidden": "true" }), launch = el("button", { class: "launch", type: "button", "aria-controls": "panel" });
  const root = el("div", { class: "k" + (choice.side === "left" ? " left" : ""), role: "region", "aria-label": t.chat, lang: language }, panel, launch);
  shade.append(root);
  files.hidden = dots.hidden = panel.hidden = promise.hidden = badge.hidden = status.hidden = wrong.hidden = true;

  const systemDark = matchMedia("(prefers-color-scheme:dark)");
  const dress = () => root.toggleAttribute("data-dark", choice.theme === "dark" || (choice.theme !== "light" && systemDark.matches));
  systemDark.addEventListener("change", dress); dress();

  // ---- the conversation on screen --------------------------------------------------------------
  // Ordered by the server's ids; what the server has not taken yet stays at the end.
  let items = [], top = 0, readAt = 0, seen = Number(store.get("last")) || 0;
  const clock = (at) => {
    const when = new Date(at), now = new Date(), two = (n) => String(n).padStart(2, "0"), hour = `${two(when.getHours())}:${two(when.getMinutes())}`;
    if (isNaN(when)) return "";
    if (when.toDateString() === now.toDateString()) return hour; return (language === "vi" ? `${when.getDate()}/${when.getMonth() + 1}` : when.toLocaleDateString("en-GB", { day: "numeric", month: "short" })) + ` ${hour}`;
  };
  const linked = (text) => text.split(/(https?:\/\/[^\s<>"'`]+)/i).flatMap((part, i) => {
    if (i % 2 === 0) return part;
    const tail = /[.,;:!?…)\]}»”]*$/.exec(part)[0], address = part.slice(0, part.length - tail.length);
    const url = guard(() => new URL(address), null);
    if (!url || (url.protocol !== "https:" && url.origin !== origin) || url.username || url.password) return part;
    return [el("a", { href: url.href, target: "_blank", rel: "noopener nofollow" }, address), tail];
  });
  const mark = (one) => {
    if (one.from !== "visitor") return;
    one.el.classList.toggle("kept", one.state === "sending" && !ready); one.el.classList.toggle("failed", one.state === "failed");
    const read = one.id && readAt >= Date.parse(one.at) ? `, ${t.seen(clock(readAt))}` : "";
    one.foot.textContent = `${clock(one.at)}, ${one.via ? t.mailed : one.state === "sending" && !ready ? t.waiting : t[one.state]}${read}`;
  };
  const fill = (one) => one.body.replaceChildren(...linked(one.text), ...(one.files || []).flatMap((file, i) => [one.text || i ? " " : "", el("a", { href: origin + file.path, target: "_blank", rel: "noopener" }, `${file.name} (${Math.ceil(file.size / 1024)} kB)`)]));
  const draw = (one) => { const mine = one.from === "visitor", auto = one.from === "auto"; one.foot = el("small", {}, clock(one.at)); one.head = el("small", {}, mine || auto ? "" : one.name || title.textContent); const said = el("span", { class: "sr" }, mine ? `${t.you}: ` : auto ? `${t.auto}: ` : ""); one.el = el("div", { class: "bub" + (mine ? " me" : auto ? " auto" : "") }, ...(mine || auto ? [] : [one.head]), el("div", { class: "b" }, ...(auto ? [icon("clock")] : []), said, one.body = el("span")), one.foot);
    fill(one);
  };
  const place = (one) => { let i = items.length; while (i > 0 && one.id && (items[i - 1].state === "sending" || items[i - 1].id > one.id)) i--; items.splice(i, 0, one); list.insertBefore(one.el, items[i + 1]?.el || null); items.forEach((other, n) => { other.head.hidden = n > 0 && items[n - 1].from === other.from && items[n - 1].name === other.name; }); };
  const add = (one) => { const low = log.scrollHeight - log.scrollTop - log.clientHeight < 80; draw(one); place(one); mark(one); if (low || one.from === "visitor") log.scrollTop = log.scrollHeight; if (one.from === "visitor") settle(); };
  const invite = (open) => { for (const one of [name, email]) one.required = must; why.textContent = `${must ? t.needed : t.optional} ${open ? t.why : t.whyShut}`; };
  const settle = () => { // the first message has been written: nothing more is asked
    if (ask.contains(shade.activeElement)) draft.focus();
    ask.hidden = promise.hidden = true;
  };
  const taken = (cid) => {
    const one = items.find((other) => other.cid === cid); store.drop(`out:${cid}`);
    if (one && one.state !== "sent") { one.state = "sent"; mark(one); }
    if (one && one === flying) { flying = null; held = 0; tell(); }
    pump();
    return one;
  };
  const arrive = (m) => {
    if (!Number.isInteger(m.id) || typeof m.text !== "string" || items.some((one) => one.id === m.id)) return;
    top = Math.max(top, m.id);
    const mine = m.from === "visitor" && m.client_id ? taken(m.client_id) : null;
    if (mine) { // it has its number now, and seldom another place
      Object.assign(mine, { id: m.id, at: m.at });
      if (m.files) { Object.assign(mine, { text: m.text, files: m.files }); fill(mine); }
      const now = items.indexOf(mine), astray = items.some((one, i) => (i < now ? one.id > m.id : one.id < m.id));
      if (astray) { items.splice(now, 1); place(mine); }
      mark(mine);
    } else add({ id: m.id, cid: m.client_id, from: m.from, text: m.text, at: m.at, name: m.name, via: m.via, files: m.files, state: "sent" });
    if (m.from === "agent") { dots.hidden = true; ring(m.id); }
    look();
  };
  const look = () => { // what is on screen has been received; the rest is counted on the button
    if (!panel.hidden && document.visibilityState === "visible" && top > seen) { seen = top; store.set("last", seen); }
    if (ready && !panel.hidden && seen > told) { told = seen; say({ type: "received", id: seen }); }
    const fresh = items.filter((one) => one.from !== "visitor" && one.id > seen).length, closed = panel.hidden;
    badge.textContent = fresh > 99 ? "99+" : fresh; badge.hidden = !fresh || !closed;
    launch.setAttribute("aria-label", closed ? t.open + (fresh ? `, ${t.news(fresh)}` : "") : t.close);
  };

  // ---- the connection --------------------------------------------------------------------------
  let socket = null, ready = false, tries = 0, told = 0, again = 0, silence = 0, beat = 0, refused = "";
  let stalled = false, typed = 0, still = 0; // stalled: nothing is taken before we know who writes
  let flying = null, flewAt = 0, held = 0, next = 0; // messages go one at a time, so that they stay in order
  let token = store.get("token"), me = guard(() => JSON.parse(store.get("me")), null) || { name: "", email: "" }, greeted = "", opened = false;
  const report = (text = "", calm = false) => { // only what has changed, so that it is read out once
    if (status.textContent !== text) status.textContent = text;
    status.classList.toggle("calm", calm); status.hidden = !text;
  };
  const tell = () => {
    form.hidden = !!refused && !items.length; if (refused) return report(t[refused]); if (ready) return report(held ? t.busy : ""); report(tries > 0 ? t.offline : t.connecting, tries === 0);
  };
  const say = (frame) => {
    socket.send(JSON.stringify(frame));
    if (!silence && !["received", "typing"].includes(frame.type)) silence = setTimeout(lost, SILENT_MS);
  };
  const connect = () => {
    clearTimeout(again); if (socket || refused) return; tell();
    token = store.get("token") || token; // another tab may have begun
    const ws = guard(() => new WebSocket(`${origin.replace(/^http/, "ws")}/chat/${key}`), null);
    if (!ws) { refused = "not_here"; return tell(); }
    socket = ws; silence = setTimeout(lost, SILENT_MS);
    ws.onopen = () => { opened = true; greet(); };
    ws.onmessage = (event) => { clearTimeout(silence); silence = 0; const frame = guard(() => JSON.parse(event.data), {}); if (hear[frame.type]) hear[frame.type](frame); };
    ws.onclose = lost;
  };
  const greet = () => { // history: the own lines too, those of other tabs among them
    greeted = JSON.stringify(me);
    say({ type: "hello", token, ...me, language, last: top, history: true, identity });
  };
  const leave = () => {
    [silence, next, beat].forEach(clearTimeout); silence = beat = held = 0; flying = null;
    if (socket) { socket.onopen = socket.onmessage = socket.onclose = null; socket.close(); }
    socket = null; ready = false; told = 0; typed = 0; dots.hidden = true;
    items.forEach(mark);
  };
  const lost = () => {
    leave();
    const wait = Math.min(MOST_MS, FIRST_MS * 2 ** tries++);
    clearTimeout(again);
    if (!refused) again = setTimeout(connect, wait * (0.5 + Math.random() / 2));
    if (!opened && tries > 2) doubt();
    tell();
  };
  // A browser does not say why a socket was refused. Where none ever opened though the server can
  // be reached, this site may not show the chat (or the key was closed): no more tries by itself.
  const doubt = () => {
    const stop = () => { if (!opened) { clearTimeout(again); leave(); refused = "not_here"; tell(); } };
    if (tries > 5) stop(); else fetch(`${origin}/health/live`, { mode: "no-cors", cache: "no-store" }).then(stop, () => {});
  };
  const wake = () => { // at once instead of when the wait is over; a connection that slept is tried
    if (!wanted) return;
    if (!socket) { refused = ""; connect(); } else if (ready) say({ type: "ping" });
    look();
  };
  const pump = () => {
    clearTimeout(next);
    const one = ready && !flying && !stalled && items.find((other) => other.state === "sending" && !other.file);
    if (!one) return;
    const wait = Math.max(held, flewAt + GAP_MS) - performance.now();
    if (wait > 0) { next = setTimeout(pump, wait); return; }
    flying = one; flewAt = performance.now();
    if (!identity) store.set("token", token);
    if (greeted !== JSON.stringify(me)) greet(); // who writes is said first
    say({ type: "message", id: one.cid, text: one.text });
  };
  const hear = {
    welcome(frame) {
      if (token && frame.token !== token) { store.drop("last"); seen = 0; }
      token = frame.token;
      ready = true; tries = 0;
      clearInterval(beat); beat = setInterval(() => say({ type: "ping" }), PING_MS);
      if (store.get("token")) store.set("token", token);
      const company = frame.company || t.chat; title.textContent = company; mono.textContent = company.trim().slice(0, 1).toUpperCase(); sub.textContent = frame.open ? t.here : t.shut; must = choice.ask === "required" || frame.ask === "required"; if (frame.ask === "never" || (identity && !stalled)) { if (ask.contains(shade.activeElement)) draft.focus(); ask.hidden = true; } hope.textContent = frame.promise || ""; promise.hidden = !frame.promise || items.some((one) => one.from === "visitor"); invite(frame.open); panel.setAttribute("aria-label", t.with(company));
      items.forEach(mark);
      tell(); pump(); look();
    },
    accepted(frame) { taken(frame.id); },
    message: arrive,
    typing(frame) { dots.hidden = !frame.on; clearTimeout(fade); fade = setTimeout(() => { dots.hidden = true; }, 30000); log.scrollTop = log.scrollHeight; },
    seen(frame) { readAt = Date.parse(frame.at); items.forEach(mark); },
    error(frame) { // where it names no message: only one is on its way
      const one = flying;
      flying = null;
      if (frame.code === "bad_identity") { // the visitor can still write, as anybody can
        console.warn("Kip: data-user is not signed with this chat's secret, or is too old.");
        identity = "";
        return greet();
      }
      if (frame.code === "say_who") { stalled = must = true; ask.hidden = false; invite(true); return complain(t.badName, name); }
      if (!ready) return lost();
      if (frame.code === "not_open") { refused = "not_here"; leave(); return tell(); }
      if (frame.code === "too_fast" || frame.code === "try_later") held = performance.now() + HOLD_MS;
      else if (!one) return lost();
      else { // it would be refused again
        one.state = "failed";
        store.drop(`out:${one.cid}`);
        mark(one); complain(t.refused);
      }
      tell(); pump();
    },
  };

  // ---- writing ---------------------------------------------------------------------------------
  const complain = (text, at) => {
    for (const one of [name, email, draft]) for (const trait of ["aria-invalid", "aria-describedby"]) one.removeAttribute(trait);
    wrong.textContent = text || ""; wrong.hidden = !text;
    if (at) make(at, { "aria-invalid": "true", "aria-describedby": "wrong" }, []).focus();
  };
  const grow = () => { draft.style.height = "auto"; draft.style.height = `${Math.max(44, draft.scrollHeight)}px`; };
  const cleaned = (text) => text.replace(/\r\n?/g, "\n").replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, "").replace(/\p{Surrogate}/gu, "\ufffd").trim();
  const write = () => {
    const text = cleaned(draft.value), length = [...text].length;
    if (!text && !stalled) return draft.focus();
    if (length > MOST) return complain(t.long(length), draft);
    if (!introduced()) return;
    if (!text) return pump();
    if (refused && !socket) refused = ""; // asking again is the visitor's to decide
    const one = { cid: uuid(), from: "visitor", text, at: new Date().toISOString(), state: "sending" };
    store.set(`out:${one.cid}`, JSON.stringify({ text, at: one.at }));
    add(one);
    draft.value = "";
    grow(); draft.focus();
    quiet();
    if (ready) pump(); else connect();
  };
  const introduced = () => { if (!ask.hidden) { const said = { name: cleaned(name.value), email: email.value.trim() }; if (must && !said.name) return complain(t.badName, name), false; if (!email.validity.valid) return complain(t.badEmail, email), false; if (said.name || said.email) { me = said; store.set("me", JSON.stringify(me)); } } complain();
    if (stalled) { stalled = false; settle(); }
    return true;
  };
  const quiet = () => { clearTimeout(still); if (typed && ready) say({ type: "typing", on: false }); typed = 0; };
  const send = async (file) => { // the same id again is the same file
    if (file.size > 5242880) return complain(t.fileBig);
    const one = { cid: uuid(), from: "visitor", text: file.name, at: new Date().toISOString(), state: "sending", file: true };
    if (!identity) store.set("token", token);
    add(one);
    for (let left = 4; left--;) {
      const body = new FormData();
      for (const [field, value] of Object.entries({ token, id: one.cid, ...me, language, identity })) body.append(field, value);
      body.append("file", file, file.name);
      const answer = await fetch(`${origin}/chat/${key}/files`, { method: "POST", body, credentials: "omit" }).then((a) => a.json(), () => ({ code: "try_later" })).catch(() => ({}));
      if (answer.type === "accepted") return taken(one.cid);
      if (answer.code !== "try_later" || !left) {
        one.state = "failed"; mark(one);
        if (answer.code === "say_who") { stalled = must = true; ask.hidden = false; invite(true); return complain(t.badName, name); }
        return complain({ bad_file: t.fileBad, too_large: t.fileBig, too_fast: t.fileMany }[answer.code] || t.refused);
      }
      await new Promise((go) => setTimeout(go, 3000));
    }
  };
  clip.addEventListener("click", () => { if (ready && introduced()) files.click(); });
  files.addEventListener("change", () => { if (introduced()) [...files.files].slice(0, 5).forEach(send); files.value = ""; });
  form.addEventListener("submit", (event) => { event.preventDefault(); write(); });   draft.addEventListener("input", () => {
    grow();
    if (!wrong.hidden) complain();
    if (!ready || !draft.value) return quiet();
    if (!typed || performance.now() - typed > 5000) { typed = performance.now(); say({ type: "typing", on: true }); }
    clearTimeout(still); still = setTimeout(quiet, 6000);
  });
  // Vietnamese keyboards compose: Enter then belongs to them
  const composing = (event) => event.isComposing || event.keyCode === 229;
  draft.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey && !composing(event)) { event.preventDefault(); write(); } });
  root.addEventListener("keydown", (event) => { if (event.key === "Escape" && !panel.hidden && !composing(event)) { event.preventDefault(); hide(); } });
  for (const kind of ["keydown", "keyup", "keypress"]) root.addEventListener(kind, (event) => event.stopPropagation()); // the page's own keys are not meant

  // ---- sound, off until it is switched on --------------------------------------------------------
  const Sound = window.AudioContext;
  let audio = null, fade = 0;
  const loud = (on) => bell.setAttribute("aria-pressed", String(on)), isLoud = () => bell.getAttribute("aria-pressed") === "true";
  const beep = () => guard(() => {
    audio ||= new Sound();
    const tone = audio.createOscillator(), gain = audio.createGain(), now = audio.currentTime; gain.gain.setValueAtTime(0.12, now); gain.gain.exponentialRampToValueAtTime(0.001, now + 0.3); tone.frequency.value = 740; tone.connect(gain).connect(audio.destination); tone.start(now); tone.stop(now + 0.3); });
  const ring = (id) => { if (isLoud() && id > seen) beep(); };
  loud(store.get("sound") === "on");
  bell.addEventListener("click", () => { loud(!isLoud()); store.set("sound", isLoud() ? "on" : "off"); if (isLoud()) beep(); });

  // ---- open and close --------------------------------------------------------------------------
  let wanted = false;
  const shown = (open) => { panel.hidden = !open; root.classList.toggle("opened", open); launch.setAttribute("aria-expanded", String(open)); launch.replaceChildren(icon(open ? "down" : "chat"), badge); look(); };
  const show = () => {
    if (!host.isConnected || !panel.hidden) { early = true; return; }
    shown(true);
    wanted = true; connect();
    log.scrollTop = log.scrollHeight;
    (matchMedia("(pointer:coarse)").matches ? panel : ask.hidden ? draft : name).focus(); // no keyboard jumps up on a phone
  };
  const hide = () => { early = false; if (!panel.hidden) { shown(false); launch.focus(); } };
  launch.addEventListener("click", () => (panel.hidden ? show() : hide()));
  shutter.addEventListener("click", hide);
  for (const kind of ["online", "focus", "pageshow"]) addEventListener(kind, wake);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") wake(); });
  addEventListener("offline", () => { if (socket) lost(); });
  addEventListener("storage", (event) => { // another tab of this visitor
    if (event.key === `${prefix}last`) { seen = Math.max(seen, Number(event.newValue) || 0); look(); }
    if (event.key === `${prefix}token` && event.newValue && event.newValue !== token && !items.some((one) => one.from === "visitor")) { token = event.newValue; if (wanted) { leave(); connect(); } }
  });
  const view = window.visualViewport; // a phone's keyboard takes its part of a full-screen panel
  view?.addEventListener("resize", () => { for (const [name, n] of [["--tall", view.height], ["--top", view.offsetTop]]) root.style.setProperty(name, `${n}px`); log.scrollTop = log.scrollHeight; });

  let early = false;
  const start = () => {
    // beside <body>: pages that exchange their body keep the chat
    document.documentElement.append(host);
    list.append(el("div", { class: "bub" }, el("div", { class: "b" }, t.hello)));
    invite(true); shown(false);
    for (const one of store.unsent()) add({ cid: one.cid, from: "visitor", text: one.text, at: one.at, state: "sending" });
    if (token || items.length || store.get("last")) { wanted = true; connect(); }
    if (early) show();
  };
  window.Kip = Object.freeze({ open: show, close: hide });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
