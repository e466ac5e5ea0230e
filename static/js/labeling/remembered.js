// How a person likes to read, kept in this browser; where it cannot be, as long as the page is open.

const unsaved = new Map();

export function remembered(key) {
  if (unsaved.has(key)) return unsaved.get(key);
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is switched off
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
    unsaved.delete(key);
  } catch {
    unsaved.set(key, value);
  }
}
