/** Slides of several files among what was chosen: an MRXS folder, whose files call each other by name. */

/** Names that the server takes; what else lies in the folder belongs to no slide. */
const PART = /^(Slidedat\.ini|[A-Za-z0-9_-]{1,40}\.dat)$/;
const INDEX = "Slidedat.ini";
const paths = new WeakMap<File, string>();

/** Where a dropped file lay; the browser tells it only of those that were chosen as a folder. */
export function setPath(file: File, path: string): void {
  paths.set(file, path);
}

function pathOf(file: File): string {
  return (paths.get(file) || file.webkitRelativePath || file.name).replace(/^\//, "");
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/") + 1);

/**
 * The files to send, and of those that are one slide together the slide's number and the name in it, by their places.
 *
 * The .mrxs file beside such a folder is left out: it is a picture of the glass that may show the label.
 */
export function slidesIn(files: File[]): { files: File[]; parts: Record<number, string> } {
  const folders = files.filter((file) => file.name === INDEX).map((file) => folderOf(pathOf(file)));
  if (folders.length === 0) return { files, parts: {} };
  const sent = files.filter((file) => !file.name.toLowerCase().endsWith(".mrxs"));
  const parts: Record<number, string> = {};
  sent.forEach((file, n) => {
    const slide = folders.indexOf(folderOf(pathOf(file)));
    if (slide >= 0 && PART.test(file.name)) parts[n] = `${slide}/${file.name}`;
  });
  return { files: sent, parts };
}
