/** What the server answers (shapes.ts, written from its description), and what only the page knows of it. */

import type { KeyView, Mark as KeptMark, Measured, SectionName, Sentence, WindowValue as NamedWindow } from "./shapes";

export type * from "./shapes";

/** A window that a reader chose has no words, and is LINEAR where it names no curve. */
export type WindowValue = Pick<NamedWindow, "center" | "width"> & Partial<NamedWindow>;

/** A mark that was drawn and is not kept yet. */
export interface MarkDraft extends Pick<KeptMark, "tool" | "instance_id" | "frame" | "points"> {
  label?: string | null;
  /** Of a key image: how it was shown. */
  view?: KeyView | null;
}

export interface Mark extends MarkDraft {
  id: string;
  /** null while the server computes. */
  measured: Measured | null;
}

export const RADIOLOGY = ["technique", "comparison", "findings", "impression"] as const;
export const PATHOLOGY = ["specimen", "macroscopy", "microscopy", "diagnosis"] as const;

/** The sections of a report in their order; one of slides has others. */
export const sectionsOf = (sections: Partial<Record<SectionName, Sentence[]>>): readonly SectionName[] => ("diagnosis" in sections ? PATHOLOGY : RADIOLOGY);
