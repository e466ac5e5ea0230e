// Formulas. The server marks what is one (class "math") and leaves its source as text; KaTeX is
// loaded only when a comparison has any. A formula that KaTeX cannot read stays as it was written.

const LIMIT = 1000; // formulas of one comparison; more would take seconds
const AT_ONCE_MS = 100; // then the page has its turn: it can be read and answered meanwhile
const OPTIONS = { throwOnError: true, trust: false, strict: "ignore", maxExpand: 200, maxSize: 20, output: "htmlAndMathml" };

const folder = () => document.querySelector("meta[name=math-library]")?.content;
let library = null;

function load() {
  library ??= new Promise((resolve, reject) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = folder().replace(/\.js$/, ".css");
    const script = document.createElement("script");
    script.src = folder();
    script.onload = () => resolve(window.katex);
    script.onerror = () => { library = null; reject(new Error("KaTeX is not there")); };
    document.head.append(style, script);
  });
  return library;
}

// "$x$", "\(x\)", "$$x$$", "\[x\]" without its signs; "\begin{x}…\end{x}" as it is
const inside = (text) => text.startsWith("\\begin") ? text : text.startsWith("$") && !text.startsWith("$$") ? text.slice(1, -1) : text.slice(2, -2);

// The first ones of each text first: these are in view.
function inTurn(formulas) {
  const counts = new Map();
  const places = new Map(formulas.map((formula) => {
    const text = formula.closest(".prose");
    counts.set(text, (counts.get(text) ?? 0) + 1);
    return [formula, counts.get(text)];
  }));
  return formulas.sort((one, other) => places.get(one) - places.get(other));
}

export async function renderMath(root) {
  const formulas = inTurn([...root.querySelectorAll(".math:not(.is-drawn, .is-odd)")]).slice(0, LIMIT);
  if (!formulas.length || !folder()) return;
  let katex;
  try {
    katex = await load();
  } catch {
    return; // the source stays, which can be read too
  }
  let start = -AT_ONCE_MS; // the page is shown first
  for (const formula of formulas) {
    if (performance.now() - start > AT_ONCE_MS) {
      await new Promise((then) => setTimeout(then));
      start = performance.now();
    }
    // A comparison that has stepped back and returned is asked for twice.
    if (formula.matches(".is-drawn, .is-odd")) continue;
    const source = formula.textContent;
    try {
      katex.render(inside(source), formula, { ...OPTIONS, displayMode: formula.classList.contains("display") });
      formula.classList.add("is-drawn");
    } catch {
      formula.textContent = source;
      formula.classList.add("is-odd");
    }
  }
}
