// Which key a press means, on any keyboard. What is printed on the key comes first: a Latin letter,
// a digit, a sign that does something here. Where the layout has none of these in that place (AZERTY
// has &é"'( in the row of digits, a Cyrillic one no Latin letters), the place itself counts.

const NOTHING_PRINTED = ["Dead", "Process", "Unidentified"];
const SIGNS = { BracketLeft: "[", BracketRight: "]", Comma: ",", Period: ".", Slash: "/" };
const isOtherLetter = (key) => /^[\p{L}\p{M}]+$/u.test(key) && !/\p{Script=Latin}/u.test(key);

// Enter and others that end a composition belong to it. Safari says so by this code only, since its
// composition has ended by then.
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

export function keyOf(event, isBound = () => false) {
  const { key, code, shiftKey } = event;
  const isNamed = /^[A-Z][A-Za-z0-9]+$/.test(key) && !NOTHING_PRINTED.includes(key);
  if (isNamed) return key;
  const printed = key.length === 1 ? key.toLowerCase() : key;
  if (/^[a-z0-9]$/.test(printed) || isBound(printed) || event.getModifierState("AltGraph")) return printed;
  const [, digit, letter] = /^(?:(?:Digit|Numpad)(\d)|Key([A-Z]))$/.exec(code) ?? [];
  if (digit && !shiftKey) return digit;
  if (letter && isOtherLetter(key)) return letter.toLowerCase();
  // The brackets are reached by no key alone on many keyboards; with Shift they scroll back.
  if (code.startsWith("Bracket") || (!shiftKey && isOtherLetter(key))) return SIGNS[code] ?? printed;
  return printed;
}
