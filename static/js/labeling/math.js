// Formulas. The server marks what is one (class "math") and leaves its source as text; KaTeX is
// loaded only when a comparison has any. A formula that KaTeX cannot read stays as it was written.

const LIMIT = 1000; // formulas of one comparison; more would take seconds
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

// "$x$", "\(x\)", "$$x$$", "\[x\]" without its signs
const inside = (text) => text.startsWith("$") && !text.startsWith("$$") ? text.slice(1, -1) : text.slice(2, -2);

export async function renderMath(root) {
  const formulas = [...root.querySelectorAll(".math:not(.is-drawn, .is-odd)")].slice(0, LIMIT);
  if (!formulas.length || !folder()) return;
  let katex;
  try {
    katex = await load();
  } catch {
    return; // the source stays, which can be read too
  }
  for (const formula of formulas) {
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
