// Tables and tiles. Everything goes in as text nodes: nothing from the data is ever parsed as markup.
const SIGNS = { urgent: "▲", warning: "▲", notice: "●", info: "●", watch: "◐", unknown: "?", "on track": "✓", discharged: "–" };
const patientLink = (id) => el("a", { href: "#/patient/" + encodeURIComponent(id), class: "patient" }, id);

function cellContent(field, row, at, zone, panel) {
  const value = row[at[field.name]];
  if (field.show === "patient" && value) return patientLink(value);
  if (field.show === "attention" && value)
    return el("span", { class: "badge a-" + String(value).replace(/\W/g, "-") }, el("span", { "aria-hidden": "true" }, SIGNS[value] || "●"), " " + value);
  const shown = valueText(field, value, zone);
  const how = isNone(value) ? "none" : value === 0 && field.thresholds.length && !field.thresholds.some((one) => one.below) ? "quiet" : level(field, value);
  const mark = how === "bad" ? "▲" : how === "warn" ? "△" : "";
  if (isNone(value) && ["number", "ratio", "pain", "instant", "duration"].includes(field.show) && field.none !== "–")
    return el("span", { class: "value v-none", "data-tip": field.none }, el("span", { "aria-hidden": "true" }, "–"), el("span", { class: "hide" }, field.none));
  const title = field.show === "instant" && !isNone(value) ? instantLong(value, zone) + "\n" + ago(value, DATA.as_of) + " this board's time" : null;
  const content = el("span", { class: "value " + (how ? "v-" + how : ""), "data-tip": title }, mark ? el("span", { class: "mark", "aria-label": how === "bad" ? "serious: " : "note: " }, mark) : null, shown);
  if (field.show === "pain" && at.flare !== undefined && row[at.flare]) content.append(el("span", { class: "flare" }, "flare"));
  if (field.show === "ratio" && panel.kind === "table" && !isNone(value) && field.thresholds.some((one) => one.below))
    return [content, el("span", { class: "meter", "aria-hidden": "true" }, el("span", { "--v": Math.min(1, value), class: "m-" + (how || "ok") }))];
  return content;
}

function renderTable(panel, data, zoneOf) {
  const at = data.at;
  const tops = panel.fields.filter((field) => !field.under && !field.hidden);
  const numeric = (field) => ["number", "ratio", "pain", "duration"].includes(field.show);
  const head = el("tr", {}, tops.map((field) => el("th", { scope: "col", class: numeric(field) ? "num" : "", "data-tip": field.description || null, tabindex: field.description ? "0" : null }, field.label)));
  const body = el("tbody");
  for (const row of data.rows) {
    const zone = zoneOf(row);
    const line = el("tr");
    tops.forEach((field, index) => {
      const below = panel.fields.filter((other) => other.under === field.name && !isNone(row[at[other.name]]) && !(other.show === "ratio" && row[at[other.name]] >= 1))
        .map((other) => {
          const shown = valueText(other, row[at[other.name]], zone);
          const words = other.name === "timezone" || other.name === "condition" || other.name === "movement" || other.name === "version" || other.name === "kinds" ? shown
            : other.name === "coverage" ? `${shown} known` : `${other.label.toLowerCase()} ${shown}`;
          return el("span", { class: "under", "data-tip": other.show === "text" ? words : null }, words);
        });
      const cell = el(index === 0 ? "th" : "td", { scope: index === 0 ? "row" : null, class: (numeric(field) ? "num " : "") + "c-" + field.name, "data-label": field.label }, el("div", { class: "cellbox" }, cellContent(field, row, at, zone, panel), below));
      line.append(cell);
    });
    body.append(line);
  }
  return el("div", { class: "scroll" + (data.rows.length > 15 ? " long" : ""), tabindex: "0", role: "region", "aria-label": panel.title + ", table" },
    el("table", { class: "grid cards" }, el("caption", { class: "hide" }, panel.title + ". " + panel.question), el("thead", {}, head), body));
}

function renderStat(panel, data, zoneOf) {
  const row = data.rows[0];
  const zone = zoneOf(row);
  const tiles = el("ul", { class: "tiles" });
  const facts = el("dl", { class: "facts" });
  for (const field of panel.fields) {
    if (field.hidden) continue;
    const value = row[data.at[field.name]];
    if (["number", "ratio", "duration"].includes(field.show)) {
      const how = isNone(value) ? "none" : level(field, value);
      tiles.append(el("li", { class: "tile t-" + (how || "ok"), "data-tip": field.description || null, tabindex: field.description ? "0" : null },
        el("span", { class: "big" }, how === "bad" ? el("span", { class: "mark", "aria-label": "serious: " }, "▲") : how === "warn" ? el("span", { class: "mark", "aria-label": "note: " }, "△") : null, valueText(field, value, zone)),
        el("span", { class: "what" }, field.label)));
    } else {
      const content = el("span", { class: isNone(value) ? "v-none" : "", "data-tip": field.show === "instant" && value ? instantLong(value, zone) : null }, valueText(field, value, zone));
      facts.append(el("div", {}, el("dt", {}, field.label), el("dd", {}, content)));
    }
  }
  return [tiles, facts.children.length ? facts : null];
}
