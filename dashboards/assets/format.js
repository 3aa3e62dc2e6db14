// Values to text. Dates are the patient's local dates; instants are ms since the epoch, shown in a named zone.
const DAY = 86400;
const text = (value) => (value === null || value === undefined ? "" : String(value));

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== "") node.append(child);
  return node;
}

const formatters = new Map();
function formatter(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formatters.has(key)) {
    let made;
    try { made = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options }); }
    catch { made = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", hourCycle: "h23", ...options }); }
    formatters.set(key, made);
  }
  return formatters.get(key);
}
const knownZone = (zone) => formatter(zone || "UTC", {}).resolvedOptions().timeZone === "UTC" ? "UTC" : zone;
const instant = (ms, zone) => formatter(zone || "UTC", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(ms);
const instantLong = (ms, zone) =>
  formatter(zone || "UTC", { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms) + ", " + knownZone(zone);
function ago(ms, now) {
  const minutes = Math.max(0, Math.round((now - ms) / 60000));
  if (minutes < 60) return `${minutes} min before`;
  if (minutes < 2880) return `${Math.round(minutes / 60)} h before`;
  return `${Math.round(minutes / 1440)} days before`;
}
// Wall-clock seconds of an instant in a zone, as if they were UTC: where it lies among local dates.
function floating(ms, zone) {
  const part = {};
  for (const { type, value } of formatter(zone || "UTC", { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }).formatToParts(ms)) part[type] = value;
  return Date.UTC(+part.year, part.month - 1, +part.day, +part.hour, +part.minute, +part.second) / 1000;
}
const seconds = (date) => Date.parse(date + "T00:00:00Z") / 1000;
const isoDate = (at) => new Date(at * 1000).toISOString().slice(0, 10);
const dayText = (date) => formatter("UTC", { day: "numeric", month: "short" }).format(Date.parse(date + "T00:00:00Z"));
const dayLong = (date) => formatter("UTC", { weekday: "short", day: "numeric", month: "short", year: "numeric" }).format(Date.parse(date + "T00:00:00Z"));

const UNITS_APART = new Set(["d", "kg", "s", "ms", "h", "Hz"]);
function number(value, field) {
  const rounded = Number(value).toFixed(field.decimals);
  const plain = field.decimals ? rounded.replace(/\.0+$/, "") : rounded.replace(/\d(?=(\d{3})+$)/g, "$&\u202f");
  const signed = /^(residual|change|spare)/.test(field.name) && value > 0 ? "+" + plain : plain;
  return signed.replace("-", "−") + (field.unit ? (UNITS_APART.has(field.unit) ? "\u00a0" : "") + field.unit : "");
}
function duration(value) {
  const s = Math.abs(value), sign = value < 0 ? "−" : "";
  const shown = (size, unit) => sign + String(+(s / size).toFixed(s / size < 10 && s % size ? 1 : 0)) + "\u00a0" + unit;
  if (s < 90) return shown(1, "s");
  if (s < 5400) return shown(60, "min");
  if (s < 172800) return shown(3600, "h");
  return shown(86400, "days");
}
function valueText(field, value, zone) {
  if (value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length)) return field.none;
  switch (field.show) {
    case "ratio": return Math.round(value * 100) + "\u00a0%";
    case "duration": return duration(value);
    case "number": case "pain": return number(value, field);
    case "instant": return instant(value, zone);
    case "date": return dayText(value);
    case "flags": return Array.isArray(value) ? value.join(", ") : value ? "yes" : "no";
    default: return Array.isArray(value) ? value.join(", ") : text(value);
  }
}
function level(field, value) {
  if (value === null || value === undefined) return "";
  let found = "";
  for (const { at, level, below } of field.thresholds) if (below ? value < at : value >= at) found = level;
  return found;
}
const isNone = (value) => value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length);
