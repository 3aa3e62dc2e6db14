// The page: which view is shown, what each panel is filled with, the tooltip.
let DATA = JSON.parse(document.getElementById("data").textContent);
const zoneOfPatient = (id) => DATA.zones[id] || "UTC";
const tip = document.getElementById("tip");
function showTip(words, x, y) {
  tip.textContent = words;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(innerWidth - width - 4, x + 12)) + "px";
  tip.style.top = (y + height + 20 > innerHeight ? Math.max(4, y - height - 12) : y + 14) + "px";
}
const hideTip = () => { tip.hidden = true; };
function tipFor(target) {
  const holder = target.closest?.("[data-tip]");
  if (!holder) { if (!target.closest?.(".chart")) hideTip(); return; }
  const place = holder.getBoundingClientRect();
  showTip(holder.dataset.tip, place.left + place.width / 2 - 12, place.bottom - 8);
}
document.addEventListener("mouseover", (event) => tipFor(event.target));
document.addEventListener("focusin", (event) => tipFor(event.target));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
document.addEventListener("scroll", hideTip, true);

const indexOf = (panel) => {
  const at = Object.fromEntries(panel.fields.map((field, index) => [field.name, index]));
  at.when = panel.fields.findIndex((field) => field.role === "time");
  return at;
};
const RENDER = { stat: renderStat, table: renderTable, heatmap: renderHeatmap, bars: renderBars, timeseries: renderTimeseries };
const COURSE = "patient", FIRST = "operations";
const view = (board) => document.getElementById("view-" + board);

function fill(panel, rows, zoneOf, context) {
  const section = document.getElementById("panel-" + panel.id);
  const body = section.querySelector(".body");
  const kept = [...body.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
  if (!rows.length) { body.replaceChildren(el("p", { class: "empty" }, panel.no_data)); return; }
  const data = { at: indexOf(panel), rows };
  const made = RENDER[panel.kind](panel, data, zoneOf, context);
  body.replaceChildren(...[made].flat().filter(Boolean));
  if (context.again) [...body.querySelectorAll(".scroll")].forEach((box, index) => { if (kept[index]) [box.scrollLeft, box.scrollTop] = kept[index]; });
  if (panel.kind === "table" && rows.length >= 10) filterable(section, panel);
  if (panel.kind === "table" && !context.zoned && data.at.timezone === undefined && panel.fields.some((field) => field.show === "instant")) {
    const header = section.querySelector("header");
    if (!header.querySelector(".zones")) header.append(el("p", { class: "zones" }, data.at.patient_id === undefined ? "Times in UTC." : "Times in each patient's own time zone."));
  }
}
function forget(board) {
  for (const one of drawn) if (view(board).contains(one.box)) { one.drop(); drawn.delete(one); }
}

const filled = new Set();
function overview(id, again = false) {
  if (filled.has(id)) return;
  filled.add(id);
  forget(id);
  for (const panel of DATA.boards[id].panels) {
    const whose = indexOf(panel).patient_id;
    fill(panel, DATA.rows[panel.id], (row) => (whose === undefined ? "UTC" : zoneOfPatient(row[whose])), { again });
  }
}
function filterable(section, panel) {
  let input = section.querySelector(".filter input");
  if (!input) {
    input = el("input", { type: "search", placeholder: "Filter", "aria-label": "Filter: " + panel.title });
    section.querySelector("header").append(el("div", { class: "filter" }, el("span", { class: "count", role: "status" }), input));
    input.addEventListener("input", () => sift(section, input));
  }
  sift(section, input);
}
function sift(section, input) {
  const rows = [...section.querySelectorAll("tbody tr")];
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const row of rows) { const fits = words.every((word) => row.textContent.toLowerCase().includes(word)); row.hidden = !fits; left += fits; }
  section.querySelector(".count").textContent = words.length ? `${left} of ${rows.length}` : "";
}

function marksOf(board, id, course) {
  const marks = [];
  for (const panel of board.panels) {
    if (!panel.annotation) continue;
    const at = indexOf(panel), { kind, start, end, text: label } = panel.annotation;
    for (const row of course[panel.id] || []) {
      const from = row[at[start]];
      if (from === null) continue;
      const place = (value) => (typeof value === "number" ? floating(value, zoneOfPatient(id)) - DAY / 2 : seconds(value) - DAY / 2);
      const closed = end ? row[at[end]] !== null : true;
      const words = text(row[at[label]]);
      marks.push({ kind, from: place(from), day: typeof from === "number" ? null : seconds(from), closed, to: end ? place(closed ? row[at[end]] : DATA.as_of) : null, label: words, short: words.replace(/^version /, "v") });
    }
  }
  return marks;
}

// A course lies in the page; a served page asks for it.
let courseOf = (id) => Promise.resolve(DATA.courses?.[id] ?? {});

function patient(id, course, again = false) {
  const board = DATA.boards[COURSE];
  forget(COURSE);
  const zone = zoneOfPatient(id);
  const calendar = course.calendar || [];
  const at = indexOf(board.panels.find((panel) => panel.id === "calendar"));
  const days = calendar.map((row) => seconds(row[at.when]));
  const context = {
    again,
    zoned: true,
    range: days.length ? [Math.min(...days), Math.max(...days)] : null,
    unheard: new Set(calendar.filter((row) => row[at.status] === "unknown").map((row) => seconds(row[at.when]))),
    missed: new Set(calendar.filter((row) => row[at.status] === "missed").map((row) => seconds(row[at.when]))),
    annotations: marksOf(board, id, course),
  };
  document.getElementById("patient-name").textContent = id;
  document.getElementById("patient-zone").textContent = `All times in ${knownZone(zone)}, the patient's time zone.`;
  document.getElementById("pick").value = id;
  const place = DATA.patients.indexOf(id);
  for (const [name, other] of [["before", DATA.patients[place - 1]], ["after", DATA.patients[place + 1]]]) {
    const link = document.getElementById(name);
    link.toggleAttribute("aria-disabled", !other);
    if (other) { link.href = "#/patient/" + encodeURIComponent(other); link.title = other; } else { link.removeAttribute("href"); link.title = ""; }
  }
  for (const panel of board.panels) fill(panel, course[panel.id] || [], () => zone, context);
}

// Where the address points: a board, or a patient; of an unknown patient `missing` is true.
function pointed() {
  const hash = location.hash.match(/^#\/([a-z]*)(?:\/(.+))?$/) || [];
  let id = null;
  try { id = hash[2] ? decodeURIComponent(hash[2]) : null; } catch { id = null; }
  if (hash[1] === COURSE) { const known = id !== null && DATA.patients.includes(id); return { board: known ? COURSE : FIRST, id: known ? id : null, missing: !known }; }
  return { board: DATA.boards[hash[1]] ? hash[1] : FIRST, id: null, missing: false };
}
function show(again = false) {
  hideTip();
  const { board, id, missing } = pointed();
  for (const name of Object.keys(DATA.boards)) {
    view(name).hidden = name !== board;
    if (name === board) document.getElementById("to-" + name)?.setAttribute("aria-current", "page");
    else document.getElementById("to-" + name)?.removeAttribute("aria-current");
  }
  document.getElementById("missing").hidden = !missing;
  document.getElementById("pick").value = id ?? "";
  document.title = (id ?? DATA.boards[board].title) + " · Therapy board";
  if (id === null) overview(board, again);
  else return courseOf(id).then((course) => { if (pointed().id === id) patient(id, course, again); });
  return Promise.resolve();
}
const leftAt = {};
let shown = pointed().board;
addEventListener("scroll", () => { leftAt[shown] = scrollY; }, { passive: true });
addEventListener("hashchange", () => {
  const next = pointed().board;
  const wanted = next === COURSE ? 0 : leftAt[next] ?? 0;
  shown = next;
  show().then(() => { scrollTo(0, wanted); document.querySelector("main > section:not([hidden]) h1")?.focus({ preventScroll: true }); });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const one of drawn) one.redraw(); });
addEventListener("afterprint", () => { for (const one of drawn) one.redraw(); });

const pick = document.getElementById("pick");
pick.addEventListener("change", () => { location.hash = pick.value ? "#/patient/" + encodeURIComponent(pick.value) : "#/"; });
function tellTime() {
  const asOf = document.getElementById("as-of");
  asOf.textContent = DATA.as_of === null ? "no data yet" : instant(DATA.as_of, "UTC") + " UTC";
  if (DATA.as_of !== null) asOf.dataset.tip = instantLong(DATA.as_of, "UTC") + "\nThe newest row was made then, by the pipeline's own clock.";
  document.getElementById("generation").textContent = DATA.as_of === null ? "none" : String(DATA.generation);
  pick.replaceChildren(pick.options[0], ...DATA.patients.map((id) => el("option", { value: id }, id)));
}
tellTime();
show();
