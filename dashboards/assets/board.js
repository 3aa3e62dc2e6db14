// The page: which view is shown, what each panel is filled with, the tooltip.
const DATA = JSON.parse(document.getElementById("data").textContent);
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

const indexOf = (panel) => Object.fromEntries(panel.fields.map((field, index) => [field.name, index]));
const RENDER = { stat: renderStat, table: renderTable, heatmap: renderHeatmap, bars: renderBars, timeseries: renderTimeseries };

function fill(panel, rows, zoneOf, context) {
  const body = document.querySelector(`#panel-${panel.id} .body`);
  if (!rows.length) { body.replaceChildren(el("p", { class: "empty" }, panel.no_data)); return; }
  const data = { at: indexOf(panel), rows };
  const made = RENDER[panel.kind](panel, data, zoneOf, context);
  body.replaceChildren(...[made].flat().filter(Boolean));
  if (panel.kind === "table" && !context.zoned && data.at.timezone === undefined && panel.fields.some((field) => field.show === "instant")) {
    const header = body.previousElementSibling;
    if (!header.querySelector(".zones")) header.append(el("p", { class: "zones" }, data.at.patient_id === undefined ? "Times in UTC." : "Times in each patient's own time zone."));
  }
}

function operations() {
  const board = DATA.boards.operations;
  for (const panel of board.panels) {
    const at = indexOf(panel);
    const whose = at.patient_id;
    fill(panel, DATA.rows[panel.id], (row) => (whose === undefined ? "UTC" : zoneOfPatient(row[whose])), {});
  }
  filterable(document.querySelector("#panel-worklist"));
}
function filterable(section) {
  const rows = [...section.querySelectorAll("tbody tr")];
  if (rows.length < 8) return;
  const count = el("span", { class: "count", role: "status" });
  const input = el("input", { type: "search", placeholder: "Filter: patient, reason, therapist…", "aria-label": "Filter the worklist" });
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) { const fits = words.every((word) => row.textContent.toLowerCase().includes(word)); row.hidden = !fits; left += fits; }
    count.textContent = words.length ? `${left} of ${rows.length}` : "";
  });
  section.querySelector("header").append(el("div", { class: "filter" }, count, input));
}

function marksOf(board, id) {
  const marks = [];
  for (const panel of board.panels) {
    if (!panel.annotation) continue;
    const at = indexOf(panel), { kind, start, end, text: label } = panel.annotation;
    for (const row of DATA.rows[panel.id][id] || []) {
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

function patient(id) {
  const board = DATA.boards.patient;
  for (const one of drawn) if (document.getElementById("view-patient").contains(one.box)) { one.drop(); drawn.delete(one); }
  const zone = zoneOfPatient(id);
  const calendar = DATA.rows.calendar[id] || [];
  const at = indexOf(board.panels.find((panel) => panel.id === "calendar"));
  const days = calendar.map((row) => seconds(row[at.local_date]));
  const context = {
    zoned: true,
    range: days.length ? [Math.min(...days), Math.max(...days)] : null,
    unheard: new Set(calendar.filter((row) => row[at.status] === "unknown").map((row) => seconds(row[at.local_date]))),
    missed: new Set(calendar.filter((row) => row[at.status] === "missed").map((row) => seconds(row[at.local_date]))),
    annotations: marksOf(board, id),
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
  for (const panel of board.panels) fill(panel, DATA.rows[panel.id][id] || [], () => zone, context);
}

function show() {
  hideTip();
  const hash = location.hash.match(/^#\/patient\/(.+)$/);
  let id = null;
  try { id = hash ? decodeURIComponent(hash[1]) : null; } catch { id = null; }
  const known = id !== null && DATA.patients.includes(id);
  document.getElementById("view-operations").hidden = known;
  document.getElementById("view-patient").hidden = !known;
  document.getElementById("to-operations").toggleAttribute("aria-current", !known);
  document.getElementById("missing").hidden = known || !hash;
  document.getElementById("pick").value = known ? id : "";
  document.title = (known ? id + " · " : "") + "Therapy board";
  if (known) patient(id);
}
let leftAt = 0;
addEventListener("hashchange", () => {
  const toPatient = location.hash.startsWith("#/patient/");
  if (toPatient && document.getElementById("view-patient").hidden) leftAt = scrollY;
  show();
  scrollTo(0, toPatient ? 0 : leftAt);
  document.querySelector("main > section:not([hidden]) h1")?.focus({ preventScroll: true });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const one of drawn) one.redraw(); });
addEventListener("afterprint", () => { for (const one of drawn) one.redraw(); });

const pick = document.getElementById("pick");
for (const id of DATA.patients) pick.append(el("option", { value: id }, id));
pick.addEventListener("change", () => { location.hash = pick.value ? "#/patient/" + encodeURIComponent(pick.value) : "#/"; });
document.getElementById("as-of").textContent = DATA.as_of === null ? "no data yet" : instant(DATA.as_of, "UTC") + " UTC";
if (DATA.as_of !== null) document.getElementById("as-of").dataset.tip = instantLong(DATA.as_of, "UTC") + "\nThe newest row was made then, by the pipeline's own clock.";
operations();
show();
