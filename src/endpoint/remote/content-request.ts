/** A request for content, as it travels and as it is found again; whatever channel it goes on. */
import type { RelPath } from '../../tree/index.js';
import type { Request } from '../../wire/index.js';
import type { ContentRequest } from '../source/index.js';

/** The request as it travels. */
export type ContentQuestion = Extract<Request, { kind: 'content' }>;

export function questionOf({ layer, folder, name, follow, noAtime, from, sums, known }: ContentRequest): ContentQuestion {
  return { kind: 'content', place: { mount: layer, folder, name }, follow, noAtime, from, sums, ...(known === undefined ? {} : { known }) };
}

/** Whether it asks for this file. */
export function asksFor(request: ContentRequest, mount: number, folder: RelPath, name: string): boolean {
  return request.name === name && request.folder === folder && request.layer === mount;
}
