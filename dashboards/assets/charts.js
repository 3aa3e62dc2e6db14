// Charts on uPlot. A day without data is a gap, never a zero; days on which nothing was heard are hatched.
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const drawn = new Set();

function hatch(stroke, ground) {
  const tile = document.createElement("canvas");
  const size = 8 * devicePixelRatio;
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  if (ground) { pen.fillStyle = ground; pen.fillRect(0, 0, size, size); }
  pen.strokeStyle = stroke;
  pen.lineWidth = 1.2 * devicePixelRatio;
  for (const shift of [-size, 0, size]) { pen.beginPath(); pen.moveTo(shift, size); pen.lineTo(shift + size, 0); pen.stroke(); }
  return pen.createPattern(tile, "repeat");
}

function dayRange(rows, at) {
  const days = rows.map((row) => seconds(row[at.when]));
  return [Math.min(...days), Math.max(...days)];
}

// Rows by day, every day of the range present; a day without a row is null.
function byDay(rows, at, [low, high]) {
  const found = new Map(rows.map((row) => [seconds(row[at.when]), row]));
  const days = [];
  for (let day = low; day <= high; day += DAY) days.push(day);
  return { days, rows: days.map((day) => found.get(day) || null) };
}

function baseOptions(panel, width, [low, high], extra) {
  const font = "11px system-ui, sans-serif";
  const axis = { stroke: () => color("muted"), grid: { stroke: () => color("line"), width: 1 }, ticks: { show: false }, font };
  const asText = (value) => (panel.unit === "%" ? Math.round(value * 100) + " %" : panel.unit === "s" ? duration(value) : String(+value.toFixed(2)).replace("-", "−"));
  return {
    width, height: extra.height || 210, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"), legend: { show: false },
    padding: [14, 16, 0, 0], cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 }, ...(extra.sync ? { sync: { key: extra.sync } } : {}) },
    scales: { x: { time: true, range: () => [low - DAY * 0.6, high + DAY * 0.6] }, y: { range: extra.range } },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 46, incrs: [1, 2, 7, 14, 28].map((n) => n * DAY), values: (u, at) => at.map((s) => dayText(isoDate(s))) },
      { ...axis, size: panel.unit === "%" || panel.unit === "s" ? 56 : 44, space: 28, ...(panel.unit === "s" ? { incrs: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000] } : {}), values: (u, values) => values.map(asText) },
    ],
  };
}

// A chart with its tooltip, its keyboard and its data as a table.
function mount(panel, name, options, data, tipOf, summary, table) {
  const box = el("div", { class: "chart", tabindex: "0", role: "img", "aria-label": summary });
  const holder = el("div", { class: "plot" }, box, el("details", { class: "astable" }, el("summary", {}, "as a table"), table));
  let plot = null;
  let at = null;
  const draw = () => {
    const width = Math.floor(box.clientWidth);
    if (!width) return;
    if (plot) { if (plot.width !== width) plot.setSize({ width, height: options.height }); return; }
    plot = new uPlot({ ...options, width, hooks: { ...options.hooks, setCursor: [(u) => {
      if (u.cursor.idx === null || u.cursor.idx === undefined || !u.cursor.event || !box.matches(":hover")) return;
      at = u.cursor.idx;
      tipAt(box, u, at, tipOf);
    }] } }, data, box);
    box.addEventListener("mouseleave", hideTip);
  };
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!plot || (!step && event.key !== "Home" && event.key !== "End")) return;
    event.preventDefault();
    const last = data[0].length - 1;
    at = event.key === "Home" ? 0 : event.key === "End" ? last : Math.min(last, Math.max(0, (at ?? last) + step));
    plot.setCursor({ left: plot.valToPos(data[0][at], "x"), top: 10 });
    tipAt(box, plot, at, tipOf);
  });
  box.addEventListener("blur", hideTip);
  const watcher = new ResizeObserver(draw);
  watcher.observe(box);
  drawn.add({ box, redraw: () => { if (plot) { plot.destroy(); plot = null; } draw(); }, drop: () => { watcher.disconnect(); plot?.destroy(); } });
  return holder;
}
function tipAt(box, plot, index, tipOf) {
  const place = box.getBoundingClientRect();
  showTip(tipOf(index), place.left + plot.bbox.left / devicePixelRatio + plot.valToPos(plot.data[0][index], "x"), place.top + 26);
}

function tableOf(panel, data, fields, rows) {
  const zone = "UTC";
  return el("div", { class: "scroll" }, el("table", { class: "grid small" },
    el("thead", {}, el("tr", {}, fields.map((field) => el("th", { scope: "col" }, field.label)))),
    el("tbody", {}, rows.filter(Boolean).map((row) => el("tr", {}, fields.map((field) => el("td", {}, valueText(field, row[data.at[field.name]], zone))))))));
}
const legendOf = (items) => el("ul", { class: "legend", "aria-label": "Legend" }, items.map(([kind, label]) => el("li", {}, el("span", { class: "key k-" + kind, "aria-hidden": "true" }), label)));

// What has a colour of its own, and of the rest the n-th of the palette.
const NAMED = { met: "fill", partial: "part", missed: "missed", unknown: "hatch", pending: "surface", rest: "rest", urgent: "missed", warning: "amber", info: "part" };
const toneOf = (panel, name) => NAMED[name] || "c" + (panel.fields.filter((field) => field.role === "stack").findIndex((field) => field.name === name) % 6 + 1);
function renderBars(panel, data) {
  const at = data.at;
  const range = dayRange(data.rows, at);
  const { days, rows } = byDay(data.rows, at, range);
  const stack = panel.fields.filter((field) => field.role === "stack" && rows.some((row) => row && row[at[field.name]] > 0));
  const sums = stack.map((_, i) => rows.map((row) => (row ? stack.slice(0, i + 1).reduce((sum, field) => sum + row[at[field.name]], 0) : null)));
  const top = Math.max(1, ...sums.at(-1).filter((value) => value !== null));
  const fill = (name) => () => (name === "unknown" ? hatch(color("muted"), color("surface")) : color(toneOf(panel, name)));
  const options = baseOptions(panel, 0, range, { range: () => [0, top * 1.04] });
  options.series = [{}, ...stack.map((field) => ({ label: field.label, paths: uPlot.paths.bars({ size: [0.78, 40] }), fill: fill(field.name), stroke: () => color(field.name === "pending" ? "muted" : "surface"), width: 1, points: { show: false } })).reverse()];
  const plotted = [days, ...sums.slice().reverse()];
  const total = (row) => stack.reduce((sum, field) => sum + row[at[field.name]], 0);
  const tip = (i) => rows[i] ? [dayLong(isoDate(days[i])), ...stack.slice().reverse().map((field) => `${field.label}: ${rows[i][at[field.name]]} of ${total(rows[i])}`)].join("\n") : dayLong(isoDate(days[i])) + "\nno data";
  const last = rows.findLast(Boolean);
  const summary = `${panel.title}: ${days.length} days. On ${dayLong(last[at.when])}: ` + stack.map((field) => `${last[at[field.name]]} ${field.label}`).join(", ");
  return [legendOf(stack.map((field) => [NAMED[field.name] ? "s-" + field.name : toneOf(panel, field.name), field.label])), mount(panel, "", options, plotted, tip, summary, tableOf(panel, data, [panel.fields[0], ...stack], rows))];
}

function renderTimeseries(panel, data, zoneOf, context) {
  const splits = panel.fields.filter((field) => field.role === "split");
  if (!splits.length) return oneSeries(panel, data, data.rows, "", context);
  const groups = new Map();
  for (const row of data.rows) {
    const name = splits.map((field) => text(row[data.at[field.name]])).filter(Boolean).join(" ");
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return el("div", { class: "splits" }, [...groups.keys()].sort().map((name) => el("section", { "aria-label": name }, oneSeries(panel, data, groups.get(name), name, context).filter(Boolean))));
}

function oneSeries(panel, data, given, name, context) {
  const at = data.at;
  const range = context.range || dayRange(given, at);
  const { days, rows } = byDay(given, at, range);
  const lines = panel.fields.filter((field) => ["line", "points", "goal", "baseline"].includes(field.role));
  const column = (field) => rows.map((row) => (row ? row[at[field.name]] : null));
  const bases = lines.filter((field) => field.role === "baseline");
  const values = lines.flatMap(column).filter((value) => value !== null);
  if (!values.length) return [el("p", { class: "empty" }, (name ? name + ": " : "") + panel.no_data)];
  const low = panel.low ?? Math.min(...values), high = panel.high ?? Math.max(...values);
  const pad = panel.high !== null ? 0 : Math.max(4, (high - low) * 0.12);
  const options = baseOptions(panel, 0, range, { range: () => [panel.low ?? low - pad, high + (panel.high !== null ? (high - (panel.low ?? 0)) * 0.04 : pad)], sync: context.range ? "course" : "" });
  const style = { line: ["met", 2], points: ["met", 2], goal: ["goal", 2, [6, 4]], baseline: ["base", 1.5, [2, 3]] };
  options.series = [{}, ...lines.map((field) => {
    const [tone, width, dash] = style[field.role];
    const dense = field.role === "points";
    return { label: field.label, stroke: () => color(tone), width, dash, spanGaps: panel.connect || field.role === "goal", points: { show: dense || field.role === "line" ? (u, s, i0, i1) => dense || lonely(u.data[s]) : false, size: 6, fill: () => color(tone) } };
  })];
  if (bases.length === 2) options.bands = [{ series: [lines.indexOf(bases[1]) + 1, lines.indexOf(bases[0]) + 1], fill: () => color("band") }];
  const residual = panel.fields.find((field) => field.name.startsWith("residual"));
  const mark = panel.fields.find((field) => field.role === "mark");
  const points = lines.find((field) => field.role === "points");
  const goal = lines.find((field) => field.role === "goal");
  const marks = context.annotations || [];
  options.hooks = {
    drawClear: [(u) => { unheard(u, context.unheard || new Set()); spans(u, marks); nothingDone(u, context.missed || new Set()); }],
    drawSeries: [(u, s) => { if (residual && goal && s === 1) stems(u, days, rows, at, points, goal, residual); }],
    draw: [(u) => { if (mark) flags(u, days, rows, at, points, mark); annotate(u, marks); }],
  };
  const shown = panel.fields.filter((field) => !field.hidden && !["time", "split"].includes(field.role));
  const tip = (i) => {
    const heading = [name, dayLong(isoDate(days[i]))].filter(Boolean).join(" · ");
    const told = marks.filter((one) => one.day === days[i] || (one.kind === "alert" && Math.floor((one.from + DAY / 2) / DAY) * DAY === days[i])).map((one) => `${one.kind}: ${one.label}`);
    if (!rows[i]) return [heading, context.unheard?.has(days[i]) ? "nothing heard that day" : context.missed?.has(days[i]) ? "no data: a missed day" : "no data that day", ...told].join("\n");
    return [heading, ...shown.map((field) => `${field.label}: ${valueText(field, rows[i][at[field.name]])}`), ...told].join("\n");
  };
  const last = rows.findLast(Boolean);
  const summary = `${[panel.title, name].filter(Boolean).join(", ")}: ${given.length} days with data. Newest, ${dayLong(last[at.when])}: ` + shown.slice(0, 3).map((field) => `${field.label} ${valueText(field, last[at[field.name]])}`).join(", ");
  const keys = lines.filter((field) => (field.role !== "baseline" || bases.length !== 2) && column(field).some((value) => value !== null)).map((field) => [field.role, field.label]);
  if (bases.length === 2) keys.push(["band", "middle half of the patients"]);
  if (residual && goal && rows.some((row) => row && row[at[residual.name]] < 0)) keys.push(["behind", "behind goal"]);
  if (mark && rows.some((row) => row && row[at[mark.name]])) keys.push(["flare", mark.label]);
  if ((context.unheard || new Set()).size) keys.push(["s-unknown", "nothing heard"]);
  if ((context.missed || new Set()).size) keys.push(["missed", "missed day"]);
  if (marks.some((one) => one.kind === "plan")) keys.push(["plan", "plan begins"]);
  if (marks.some((one) => one.kind === "alert")) keys.push(["alert", "alert open"]);
  const newest = !residual && at.meaning !== undefined && points ? el("span", { class: "now" }, `${number(last[at[points.name]], points)} on ${dayText(last[at.when])}, `, el("strong", { class: "meaning-" + last[at.meaning] }, text(last[at.meaning]) || "no known least change")) : residual && last[at[residual.name]] !== null ? el("span", { class: "now" }, `${number(last[at[points.name]], points)}, `, el("span", { class: "v-" + level(residual, last[at[residual.name]]) }, `${number(last[at[residual.name]], residual)} against goal`), ` on ${dayText(last[at.when])}`) : null;
  const heading = name ? el("h3", { class: "split" }, name, newest) : null;
  return [heading, legendOf(keys), mount(panel, name, options, [days, ...lines.map(column)], tip, summary, tableOf(panel, data, panel.fields.filter((field) => !field.hidden && field.role !== "split"), rows))];
}
// A value between two gaps has no line: it needs its point.
const lonely = (values) => values.some((value, i) => value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);
const xAt = (u, at) => u.valToPos(at, "x", true);

function unheard(u, days) {
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath(); u.ctx.rect(left, top, width, height); u.ctx.clip();
  u.ctx.fillStyle = hatch(color("hatch"), "");
  for (const day of days) { const from = xAt(u, day - DAY / 2); u.ctx.fillRect(from, top, xAt(u, day + DAY / 2) - from, height); }
  u.ctx.restore();
}
function nothingDone(u, days) {
  const r = devicePixelRatio;
  u.ctx.save();
  u.ctx.fillStyle = color("missed");
  u.ctx.font = `700 ${13 * r}px system-ui, sans-serif`;
  u.ctx.textAlign = "center";
  u.ctx.textBaseline = "bottom";
  for (const day of days) u.ctx.fillText("×", xAt(u, day), u.bbox.top + u.bbox.height - 1 * r);
  u.ctx.restore();
}
function spans(u, marks) {
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath(); u.ctx.rect(left, top, width, height); u.ctx.clip();
  u.ctx.fillStyle = color("alert-band");
  for (const one of marks) if (one.kind === "alert") { const from = xAt(u, one.from); u.ctx.fillRect(from, top, Math.max(2, xAt(u, one.to) - from), height); }
  u.ctx.restore();
}
function stems(u, days, rows, at, points, goal, residual) {
  u.ctx.save();
  u.ctx.lineWidth = 3 * devicePixelRatio;
  days.forEach((day, i) => {
    const row = rows[i];
    if (!row || row[at[residual.name]] === null) return;
    u.ctx.strokeStyle = color(row[at[residual.name]] < 0 ? "behind" : "ahead");
    u.ctx.beginPath();
    u.ctx.moveTo(xAt(u, day), u.valToPos(row[at[points.name]], "y", true));
    u.ctx.lineTo(xAt(u, day), u.valToPos(row[at[goal.name]], "y", true));
    u.ctx.stroke();
  });
  u.ctx.restore();
}
function flags(u, days, rows, at, points, mark) {
  const r = devicePixelRatio;
  u.ctx.save();
  days.forEach((day, i) => {
    const row = rows[i];
    if (!row || !row[at[mark.name]]) return;
    const x = xAt(u, day), y = u.valToPos(row[at[points.name]], "y", true);
    u.ctx.fillStyle = color("missed");
    u.ctx.beginPath(); u.ctx.moveTo(x, y - 7 * r); u.ctx.lineTo(x + 6.5 * r, y + 5 * r); u.ctx.lineTo(x - 6.5 * r, y + 5 * r); u.ctx.closePath(); u.ctx.fill();
  });
  u.ctx.restore();
}
function annotate(u, marks) {
  const r = devicePixelRatio, { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.font = `600 ${10 * r}px system-ui, sans-serif`;
  u.ctx.textBaseline = "bottom";
  for (const one of marks) {
    const x = xAt(u, one.from);
    if (x < left - r || x > left + width + r) continue;
    const tone = color(one.kind === "alert" ? "bad" : "goal");
    u.ctx.strokeStyle = u.ctx.fillStyle = tone;
    u.ctx.lineWidth = r;
    u.ctx.setLineDash(one.kind === "plan" ? [3 * r, 3 * r] : []);
    u.ctx.beginPath(); u.ctx.moveTo(x, top); u.ctx.lineTo(x, top + height); u.ctx.stroke();
    const end = one.kind === "alert" && one.closed ? xAt(u, one.to) : null;
    if (end !== null) { u.ctx.beginPath(); u.ctx.moveTo(end, top); u.ctx.lineTo(end, top + height); u.ctx.stroke(); }
    // Plans are named above the plot, alerts inside it, so that one day can have both.
    if (one.kind === "plan") {
      u.ctx.textAlign = x > left + width - 40 * r ? "right" : "left";
      u.ctx.fillText(one.short, x + (u.ctx.textAlign === "left" ? 1 : -1) * r, top - r);
      continue;
    }
    u.ctx.textAlign = "left";
    u.ctx.fillText("▲", x + 3 * r, top + 13 * r);
    if (end !== null && end - x > 26 * r) { u.ctx.textAlign = "right"; u.ctx.fillText("✓", end - 3 * r, top + 13 * r); }
  }
  u.ctx.restore();
}
