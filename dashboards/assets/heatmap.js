// Days as cells: a shape and a sign for each status, so that colour never speaks alone.
const STATUS = { met: "", partial: "", missed: "×", unknown: "", rest: "·", pending: "…" };
const STATUS_TEXT = {
  met: "met: at least 80 % of the repetitions", partial: "partial: the fill is the share done", missed: "missed: heard, but nothing done",
  unknown: "unknown: nothing heard that day", rest: "rest: nothing due", pending: "pending: the day isn't over",
};
const statusCell = (status, volume) => el("span", { class: "day s-" + status, "--v": status === "partial" ? Math.max(0.12, volume ?? 0) : null, "aria-hidden": "true" }, STATUS[status] ?? "?");

function statusLegend(statuses) {
  return el("ul", { class: "legend", "aria-label": "Legend" }, Object.keys(STATUS).filter((status) => statuses.has(status)).map((status) =>
    el("li", { "data-tip": STATUS_TEXT[status] }, statusCell(status, 0.5), status)));
}
function dayTip(panel, at, row, name) {
  const lines = [[name, dayLong(row[at.when])].filter(Boolean).join(" · "), STATUS_TEXT[row[at.status]] || row[at.status]];
  const shown = panel.fields.filter((field) => !field.hidden && !["time", "state", "row"].includes(field.role));
  for (let i = 0; i < shown.length; i += 1) {
    const field = shown[i];
    const value = valueText(field, row[at[field.name]]);
    if (shown[i + 1]?.label === "of") { lines.push(`${field.label}: ${value} of ${valueText(shown[i + 1], row[at[shown[i + 1].name]])}`); i += 1; }
    else lines.push(`${field.label}: ${value}`);
  }
  return lines.join("\n");
}
function cellOf(panel, data, row, name) {
  if (!row) return el("td", { class: "nodata" }, el("span", { class: "hide" }, "not monitored"));
  const tip = dayTip(panel, data.at, row, name);
  return el("td", { class: "daycell", tabindex: "-1", "data-tip": tip }, statusCell(row[data.at.status], row[data.at.volume]), el("span", { class: "hide" }, row[data.at.status]));
}
// One tab stop a grid; arrows move inside.
function roving(table) {
  const first = table.querySelector(".daycell");
  if (first) [...table.querySelectorAll(".daycell")].at(-1).tabIndex = 0;
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest(".daycell");
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!cell || !move) return;
    const rows = [...table.tBodies[0].rows];
    const next = rows[rows.indexOf(cell.parentElement) + move[0]]?.cells[cell.cellIndex + move[1]];
    event.preventDefault();
    if (!next?.classList.contains("daycell")) return;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

function renderCalendar(panel, data) {
  const byDate = new Map(data.rows.map((row) => [row[data.at.when], row]));
  const dates = [...byDate.keys()].sort();
  const weekday = (at) => (new Date(at * 1000).getUTCDay() + 6) % 7;
  let at = seconds(dates[0]);
  at -= weekday(at) * DAY;
  const body = el("tbody");
  for (; at <= seconds(dates.at(-1)); at += 7 * DAY) {
    const line = el("tr", {}, el("th", { scope: "row" }, dayText(isoDate(at))));
    for (let day = 0; day < 7; day += 1) {
      const date = isoDate(at + day * DAY);
      line.append(cellOf(panel, data, byDate.get(date)));
    }
    body.append(line);
  }
  const head = el("tr", {}, el("th", { scope: "col" }, "Week of"), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map((name) => el("th", { scope: "col" }, name)));
  const table = el("table", { class: "heat calendar" }, el("caption", { class: "hide" }, panel.title), el("thead", {}, head), body);
  roving(table);
  return [statusLegend(new Set(data.rows.map((row) => row[data.at.status]))), el("div", { class: "scroll" }, table)];
}

function renderHeatmap(panel, data) {
  const rowField = panel.fields.find((field) => field.role === "row");
  if (!rowField) return renderCalendar(panel, data);
  const at = data.at;
  const rows = new Map();
  let low = null, high = null;
  for (const row of data.rows) {
    const name = row[at[rowField.name]], date = row[at.when];
    if (!rows.has(name)) rows.set(name, new Map());
    rows.get(name).set(date, row);
    if (low === null || date < low) low = date;
    if (high === null || date > high) high = date;
  }
  const names = rowField.show === "patient" ? DATA.patients.filter((id) => rows.has(id)) : [...rows.keys()].sort((a, b) => {
    const [first, other] = [a, b].map((name) => [...rows.get(name).keys()].sort()[0] + name);
    return first < other ? -1 : 1;
  });
  const dates = [];
  for (let day = seconds(low); day <= seconds(high); day += DAY) dates.push(isoDate(day));
  const label = (date, index) => (index === 0 || date.endsWith("-01") ? dayText(date) : String(+date.slice(8)));
  const head = el("tr", {}, el("th", { scope: "col" }, rowField.label), dates.map((date, index) =>
    el("th", { scope: "col", class: "date" + ([0, 6].includes(new Date(date + "T00:00:00Z").getUTCDay()) ? " weekend" : "") + (label(date, index).length > 2 ? " named" : ""), "aria-label": dayLong(date) }, el("span", {}, label(date, index)))));
  const body = el("tbody", {}, names.map((name) =>
    el("tr", {}, el("th", { scope: "row" }, rowField.show === "patient" ? patientLink(name) : name), dates.map((date) => cellOf(panel, data, rows.get(name).get(date), name)))));
  const table = el("table", { class: "heat", "--days": dates.length }, el("caption", { class: "hide" }, panel.title), el("thead", {}, head), body);
  roving(table);
  const box = el("div", { class: "scroll" + (names.length > 25 ? " long" : "") }, table);
  requestAnimationFrame(() => { box.scrollLeft = box.scrollWidth; });
  return [statusLegend(new Set(data.rows.map((row) => row[at.status]))), box];
}
