// Only in a served page: courses are asked for, and the overviews again and again, from where the page came.
async function ask(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(60000) });
  if (!answer.ok) throw new Error((await answer.text()).trim() || String(answer.status));
  return answer.json();
}
courseOf = (id) => ask("course?patient=" + encodeURIComponent(id)).catch((error) => { stale(error); return {}; });

const note = document.getElementById("stale");
function stale(error) {
  const since = new Date(asked).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  note.textContent = `This board could not be refreshed since ${since}: what it shows may be old. ${error.name === "TypeError" || error.name === "TimeoutError" ? "Nothing answers where it came from." : error.message}`;
  note.hidden = false;
}
let asked = Date.now();
async function refresh() {
  try {
    const found = await ask("data");
    const changed = JSON.stringify(found.rows) !== JSON.stringify(DATA.rows) || found.as_of !== DATA.as_of;
    asked = Date.now();
    note.hidden = true;
    if (changed) {
      DATA = { ...found, boards: DATA.boards, refresh_s: DATA.refresh_s };
      filled.clear();
      tellTime();
      await show(true);
    }
  } catch (error) { stale(error); }
}
const due = () => { if (!document.hidden && Date.now() - asked >= DATA.refresh_s * 1000 - 500) refresh(); };
setInterval(due, DATA.refresh_s * 1000);
document.addEventListener("visibilitychange", due);
show();
