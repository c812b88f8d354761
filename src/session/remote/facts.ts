/** TargetFacts as a message, and back. */
import { CAPABILITIES, type Capability } from '../../fs/index.js';
import { TRAITS, type TargetFacts, type Trait } from '../target-facts.js';
import { broken, list, members, oneOf, optional, sentence, truth, whole } from './shape.js';

export function writeFacts(facts: TargetFacts): Record<string, unknown> {
  return { ...facts };
}

/** @throws TwintreeError WIRE */
export function readFacts(value: unknown): TargetFacts {
  const of = members(value, 'target');
  const n = (name: string): number => whole(of[name], name);
  const fileSystem = sentence(of['fileSystem'], 'fileSystem');
  if (!/^[a-z0-9]{1,32}$/.test(fileSystem)) throw broken('fileSystem', 'is no name of a type');
  const answers = members(of['holds'], 'holds');
  const holds: Partial<Record<Trait, boolean>> = {};
  for (const trait of TRAITS) {
    const answer = optional(answers[trait], (each) => truth(each, trait));
    if (answer !== undefined) holds[trait] = answer;
  }
  const known = Object.keys(CAPABILITIES) as Capability[];
  const capabilities = optional(of['capabilities'], (each) => list(each, 'capabilities', known.length, (name) => oneOf(name, 'capability', known)));
  const writable = optional(of['writable'], (each) => truth(each, 'writable'));
  const freeInodes = optional(of['freeInodes'], (each) => whole(each, 'freeInodes'));
  const maxFileSize = optional(of['maxFileSize'], (each) => whole(each, 'maxFileSize'));
  return {
    exists: truth(of['exists'], 'exists'), fileSystem, readOnly: truth(of['readOnly'], 'readOnly'), ...(writable === undefined ? {} : { writable }), freeBytes: n('freeBytes'), neededBytes: n('neededBytes'),
    sharesBlocks: truth(of['sharesBlocks'], 'sharesBlocks'), ...(freeInodes === undefined ? {} : { freeInodes }), neededInodes: n('neededInodes'), granularityNs: n('granularityNs'), nameMax: n('nameMax'),
    ...(maxFileSize === undefined ? {} : { maxFileSize }), holds, uid: n('uid'), ...(capabilities === undefined ? {} : { capabilities }),
  };
}
