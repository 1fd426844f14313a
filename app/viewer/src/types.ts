/** What the server says, as JSON. Ids are random strings; times are ISO 8601 in UTC. */

export type Role = "clinician" | "researcher" | "admin" | "auditor";
export type Language = "en" | "ko";
export type Theme = "light" | "dark";

export interface Session {
  user: { id: string; username: string; display_name: string; role: Role };
  language: Language;
  theme: Theme;
  panel_width: number | null;
  csrf: string;
  demonstration: boolean;
  model: { name: string; architecture?: "v1" | "v2" } | null;
  identity_lens: boolean;
  second_factor: boolean;
}

export interface Status {
  workers: number;
  waiting: number;
}

export type StudyState = "new" | "draft" | "preliminary" | "final" | "amended";

export interface StudyLine {
  study_id: string;
  patient_name: string;
  patient_id: string;
  sex: string;
  birth_date: string | null;
  study_date: string | null;
  modality: string;
  region: string;
  description: string;
  urgent: boolean;
  state: StudyState;
  instances: number;
  created_at: string;
  open_by: string | null;
}

export interface SeriesLine {
  series_id: string;
  modality: string;
  description: string;
  number: number | null;
  count: number;
  thumbnail_url: string;
  slide: boolean;
  specimen: string;
  block: string;
  stain: string;
  findings: { code: string; sentence: string }[];
}

export interface StudyPage {
  study: StudyLine & { accession_number?: string | null };
  series: SeriesLine[];
  report: { id: string; state: StudyState; version: number } | null;
  presets: { id: string; text: string }[];
  identity_complete?: boolean;
}

/** Another study of the same patient. */
export interface Prior {
  study_id: string;
  study_date: string | null;
  modality: string;
  description: string;
  series: SeriesLine[];
}

export type Curve = "LINEAR" | "LINEAR_EXACT" | "SIGMOID";

export interface WindowValue {
  center: number;
  width: number;
  function?: Curve;
  explanation?: string | null;
  /** The file's look-up table, of which center and width are only the nearest straight window. */
  table?: boolean;
}

export interface FrameLine {
  url: string;
  instance_id: string;
  frame: number;
  position_mm: number[] | null;
  /** Directions of its rows and columns: six cosines. */
  orientation: number[] | null;
  /** Which of the stacks that one object holds. */
  stack: number;
  window: WindowValue | null;
  sha256: string;
}

export interface Manifest {
  modality: string;
  rows: number;
  columns: number;
  samples: number;
  dtype: "int16" | "uint16" | "float32" | "uint8";
  invert: boolean;
  unit: string;
  windows: WindowValue[];
  presets: { id: string; center: number; width: number; label: string }[];
  spacing_mm: [number, number] | null;
  pixel_aspect: number | [number, number] | null;
  /** How long each picture of a film is shown; null where it is no film. */
  frame_ms: number | null;
  /** Parts of an ultrasound picture, each with a scale of its own. */
  regions: { left: number; top: number; right: number; bottom: number; kind: string; spacing_mm: [number, number] | null }[];
  overlays: number;
  supplemental: boolean;
  /** The same for pictures whose positions can be compared. */
  space: string | null;
  /** What tells the stacks of one object apart, and how many of each there are. */
  dimensions: Record<string, number>;
  /** Why no planes can be cut through the series; null where they can. */
  no_volume: string | null;
  frames: FrameLine[];
}

export interface SlideManifest {
  instance_id: string;
  width: number;
  height: number;
  tile: number;
  depth: number;
  um_per_pixel: [number, number] | null;
  um_source: "file" | "person";
  objective: number | null;
  format: string;
  tiles: string;
  specimen: string;
  block: string;
  stain: string;
}

/** A picture that was sent to the model of a region of a slide. */
export interface SentPicture {
  width: number;
  height: number;
  um_per_pixel: number | null;
}

/** A plane cut through a series; numbers of a kept report are texts. */
export interface PlaneSeen {
  at: [number, number, number];
  right: [number, number, number];
  down: [number, number, number];
  slab_mm: number;
  how: "mean" | "max" | "min";
  stack?: number;
}

export interface ViewSeen {
  series_id?: string;
  instance_id: string;
  frame: number;
  center: number | null;
  width: number | null;
  function?: Curve | null;
  invert: boolean;
  overlays?: boolean;
  supplemental?: boolean;
  box?: [number, number, number, number] | null;
  /** The picture was a plane through the series. */
  plane?: PlaneSeen | null;
  pictures?: SentPicture[] | null;
  /** The number of a field of a reading plan. */
  field?: number | null;
  /** The pictures that were chosen to be sent, in their order; none: the one that was open. */
  sources?: ViewSeen[];
  /** They were laid into one. */
  montage?: boolean;
  /** Size of the picture that was sent, and what one of its pixels covers. */
  sent?: { width: number; height: number; mm_per_pixel: [number, number] | null };
}

/** Fields that are proposed on the tissue of a slide. */
export interface ReadingPlan {
  magnification: number | null;
  finest_um: number | null;
  tissue: number;
  fields: { box: [number, number, number, number]; coverage: number }[];
}

export interface ZoomBox {
  picture: number;
  level: "low" | "middle" | "high";
  order: number;
  /** null: chosen where the model runs, and not told. */
  kept: boolean | null;
  x: number;
  y: number;
  width: number;
  height: number;
}

export type AnswerState = "waiting" | "running" | "done" | "stopped" | "failed";

export interface Answer {
  id: string;
  study_id: string;
  kind: "question" | "caption" | "report_findings" | "report_impression" | "report_field" | "report_microscopy" | "report_diagnosis";
  state: AnswerState;
  question: string | null;
  text: string | null;
  view: ViewSeen | null;
  boxes: ZoomBox[];
  model: { name: string; fingerprint: string; architecture: "v1" | "v2"; demonstration: boolean; crop_px?: number } | null;
  failure: { code: string; sentence: string } | null;
  asked_by: string;
  created_at: string;
  finished_at: string | null;
  seconds: number | null;
  place: number | null;
}

export type Origin = "model" | "edited" | "person";

export interface Sentence {
  text: string;
  origin: Origin;
  answer_id: string | null;
}

export const RADIOLOGY = ["technique", "comparison", "findings", "impression"] as const;
export const PATHOLOGY = ["specimen", "macroscopy", "microscopy", "diagnosis"] as const;
export type SectionName = (typeof RADIOLOGY)[number] | (typeof PATHOLOGY)[number];

/** The sections of a report in their order; one of slides has others. */
export const sectionsOf = (sections: Partial<Record<SectionName, Sentence[]>>): readonly SectionName[] => ("diagnosis" in sections ? PATHOLOGY : RADIOLOGY);

export interface Report {
  id: string;
  study_id: string;
  state: "draft" | "preliminary" | "final" | "amended";
  version: number;
  indication: string;
  history: string;
  sections: Partial<Record<SectionName, Sentence[]>>;
  saved_at: string;
  saved_by: string | null;
  signed_by: string | null;
  signed_at: string | null;
  content_sha256: string | null;
  demonstration: boolean;
  addenda: { text: string; signed_by: string; signed_at: string }[];
}

export interface ChecklistLine {
  code: string;
  level: "stop" | "warn" | "ok";
  sentence: string;
  section: SectionName | null;
  sentence_index: number | null;
}

export type Point = [number, number];
export type MarkTool = "length" | "angle" | "ellipse" | "box" | "probe" | "key";

/** What the server computed of a mark, from the file itself. */
export interface Measured {
  unit?: "mm" | "px";
  scale?: "patient" | "detector" | "ultrasound" | "slide" | "person" | null;
  length?: number;
  degrees?: number | null;
  width?: number;
  height?: number;
  area?: number;
  pixels?: number;
  mean?: number;
  deviation?: number;
  minimum?: number;
  maximum?: number;
  value?: number;
  rgb?: [number, number, number];
  values_unit?: string;
}

export interface MarkDraft {
  tool: MarkTool;
  instance_id: string;
  frame: number;
  /** Pixels of the frame from the outer corner of its first pixel. */
  points: Point[];
  label?: string | null;
  /** Of a key image: how it was shown. */
  view?: Pick<ViewSeen, "center" | "width" | "function" | "invert" | "overlays" | "supplemental"> | null;
}

export interface Mark extends MarkDraft {
  id: string;
  /** null while the server computes. */
  measured: Measured | null;
}
