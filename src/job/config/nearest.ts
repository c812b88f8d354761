/** The word that was probably meant: by how many letters would have to be changed, left out, added or exchanged (Damerau and Levenshtein). */

/** The nearest of the words, or undefined where none is near. A word that goes on where the given one ends is near. */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  const given = plain(word);
  let best: string | undefined;
  let least = Math.max(1, Math.floor(given.length / 3)) + 1;
  for (const each of words) {
    const distance = given.length >= 3 && plain(each).startsWith(given) ? 1 : between(given, plain(each));
    if (distance < least) {
      least = distance;
      best = each;
    }
  }
  return best;
}

/** `; did you mean "schedule"?`, or nothing. */
export function didYouMean(word: string, words: Iterable<string>): string {
  const found = nearest(word, words);
  return found === undefined ? '' : `, did you mean ${JSON.stringify(found)}?`;
}

/** However it is spelled: catch-up, catch_up, catchUp. */
function plain(word: string): string {
  return word.slice(0, 64).toLowerCase().replaceAll(/[-_ ]/g, '');
}

function between(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, k) => k)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let k = 1; k <= b.length; k++) {
      const same = a[i - 1] === b[k - 1];
      let cost = Math.min((rows[i - 1]?.[k] as number) + 1, (row[k - 1] as number) + 1, (rows[i - 1]?.[k - 1] as number) + (same ? 0 : 1));
      if (i > 1 && k > 1 && a[i - 1] === b[k - 2] && a[i - 2] === b[k - 1]) cost = Math.min(cost, (rows[i - 2]?.[k - 2] as number) + 1);
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] as number;
}
