/** What the server answers, as JSON. Ids are random strings; times are ISO 8601 in UTC.
 *
 * Written by `python -m app.shapes.typescript` from the shapes in app/shapes; changes belong there.
 */

/** Version, licences of software and weights, and the model that answers now. */
export interface About {
  version: string;
  software: Software[];
  weights: Weights[];
  model: ModelFacts | null;
}

/** Whose patient it is, in which way the caller sees them, and who else does; candidates for the owner only. */
export interface Access {
  way: Way;
  owner: string;
  shares: Shared[];
  colleagues: Candidate[];
  teams: Candidate[];
}

/** What was added after signing. */
export interface Addendum {
  number: number;
  text: string;
  signed_by: string;
  signed_at: string;
}

/** The process lives, or is ready, or its database is away. */
export interface Alive {
  status: "alive" | "ready" | "away";
  code?: string;
}

/** A question and what the model said. */
export interface Answer {
  id: string;
  study_id: string;
  report_id: string | null;
  kind: AnswerKind;
  state: AnswerState;
  question: string | null;
  text: string | null;
  view: ViewSeen;
  boxes: ZoomBox[];
  model: ModelFacts | null;
  prompt: PromptUsed;
  failure: Coded | null;
  asked_by: string;
  created_at: string;
  finished_at: string | null;
  seconds: number | null;
  attempt: number;
  /** How many wait before it; null once it is begun, and in lists. */
  place: number | null;
}

/** Where to follow an answer, and how many wait before it. */
export interface AnswerBegun {
  answer_id: string;
  place: number | null;
}

export type AnswerKind = "question" | "caption" | "report_findings" | "report_impression" | "report_field" | "report_microscopy" | "report_diagnosis";

export type AnswerState = "waiting" | "running" | "done" | "stopped" | "failed";

/** All answers of a study, oldest first. */
export interface Answers {
  answers: Answer[];
}

/** With whom the patient can be shared. */
export interface Candidate {
  id: string;
  name: string;
  members: string[];
}

/** Words of two versions. */
export interface Change {
  op: "same" | "removed" | "added";
  text: string;
}

/** All of it. */
export interface Checklist {
  checklist: ChecklistLine[];
}

/** Something to look at before signing. */
export interface ChecklistLine {
  code: string;
  level: "stop" | "warn" | "ok";
  sentence: string;
  section: SectionName | null;
  sentence_index: number | null;
}

/** What was signed: so many entries, with this tree hash. */
export interface Checkpoint {
  log: string;
  size: number;
  root: string;
  time: string;
  epoch: number;
  previous: string;
}

/** A fact as its code and in the reader's words. */
export interface Coded {
  code: string;
  sentence: string;
}

/** Hashes that lead from the tree hash of the first entries to one that was signed. */
export interface Continuation {
  format: "dragonfly-continuation-1";
  size: number;
  proof: string[];
  checkpoint: Checkpoint;
  signature: string;
}

/** Files and bytes. */
export interface Counted {
  files: number;
  bytes: number;
}

export type Curve = "LINEAR" | "LINEAR_EXACT" | "SIGMOID";

/** How two versions differ, word by word, for each section that does. */
export interface Difference {
  sections: Partial<Record<TextName, Change[]>>;
}

/** Bytes. */
export interface Disk {
  free: number;
  total: number;
}

/** The draft, and the answers that it is written from. */
export interface DraftBegun {
  report_id: string;
  version: number;
  answer_ids: string[];
}

/** How many wait for a review and how many of them too long; how many are open now; tries for nobody in 72 hours. */
export interface EmergenciesWaiting {
  unreviewed: number;
  overdue: number;
  running: number;
  refused: number;
}

/** One emergency access, the patient as a pseudonym; reason and note are gone once the patient was erased. */
export interface EmergencyCase {
  id: string;
  ref: string;
  opened_by: string;
  opened_at: string;
  until: string;
  ended_at: string | null;
  due: string;
  overdue: boolean;
  running: boolean;
  reason: string | null;
  verdict: Verdict | null;
  note: string | null;
  reviewed_by: string | null;
  reviewed_at: string | null;
}

/** One emergency access with what was done under it. */
export interface EmergencyFollowed {
  id: string;
  ref: string;
  opened_by: string;
  opened_at: string;
  until: string;
  ended_at: string | null;
  due: string;
  overdue: boolean;
  running: boolean;
  reason: string | null;
  verdict: Verdict | null;
  note: string | null;
  reviewed_by: string | null;
  reviewed_at: string | null;
  entries: FollowedEntry[];
}

/** What was opened, and until when. */
export interface EmergencyOpened {
  id: string;
  until: string;
}

/** How many sessions were ended. */
export interface Ended {
  ended: number;
}

/** Entries, newest first; cursor: where to go on. */
export interface Entries {
  entries: Entry[];
  cursor: number | null;
  actions: string[];
}

/** An entry of the record as it was written, patients as pseudonyms; further facts by action. */
export interface Entry {
  v: number;
  log: string;
  seq: number;
  id: string;
  time: string;
  action: string;
  code: string;
  outcome: string;
  actor: EntryActor;
  subject: string | null;
  object: EntryObject;
  reason: string | null;
  [fact: string]: unknown;
}

/** Who did it, with the name of staff beside the id. */
export interface EntryActor {
  id: string;
  role: string;
  session: string | null;
  auth: string | null;
  ip: string | null;
  name: string | null;
}

/** What it was done to, and its digests before and after. */
export interface EntryObject {
  type: string | null;
  id: string | null;
  sha256_before: string | null;
  sha256_after: string | null;
}

/** How many rows of the patient went. */
export interface Erased {
  patients: number;
}

/** A request to erase a patient, who appears as a pseudonym. */
export interface Erasure {
  id: string;
  ref: string;
  reason: ErasureReason;
  state: "asked" | "done" | "refused" | "withdrawn";
  asked_by: string;
  asked_at: string;
  decided_by: string;
  decided_at: string | null;
  studies: number;
  signed: number;
  held: boolean;
}

/** The open request about the patient of a study, and whether it is the caller's. */
export interface ErasureOfStudy {
  erasure: Erasure | null;
  mine: boolean;
}

export type ErasureReason = "patient_asked" | "kept_long_enough" | "wrong_upload" | "court_order";

/** Requests and holds. */
export interface Erasures {
  erasures: Erasure[];
  holds: Hold[];
}

/** Whether there is a second factor, how many recovery codes are left, and whether the site demands one. */
export interface FactorState {
  enrolled: boolean;
  recovery_left: number;
  demanded: boolean;
}

/** A file that is here whole. */
export interface FileReceived {
  received: number;
  sha256: string;
}

/** An entry of the record that was made under it. */
export interface FollowedEntry {
  seq: number;
  time: string;
  action: string;
  object_type: string | null;
  object_id: string | null;
}

/** One picture of a series. */
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

/** How long the browser may open what was confirmed. */
export interface GrantGiven {
  seconds: number;
}

/** Why a patient may not be erased for now. */
export interface Hold {
  id: string;
  ref: string;
  reason: HoldReason;
  placed_by: string;
  placed_at: string;
}

export type HoldReason = "legal_claim" | "investigation" | "record_duty";

/** How much of a file is here, and by what its sender knows it again. */
export interface KeptFile {
  n: number;
  bytes: number;
  kept: number;
  whole: boolean;
  head: string;
  head_bytes: number;
}

/** How a key image was shown when it was marked; empty: as the file says. */
export interface KeyView {
  center?: number | null;
  width?: number | null;
  function?: Curve | null;
  invert?: boolean;
  overlays?: boolean;
  supplemental?: boolean;
}

export type Language = "en" | "ko";

/** What was found of identity before anything is kept. */
export interface LensFound {
  rule: "keep" | "pseudonymise" | "refuse";
  files: number;
  naming: number;
  told: Told[];
  suspects: number;
  lettered: number;
  previews: number[];
}

/** One size in which a slide is kept. */
export interface Level {
  width: number;
  height: number;
  downsample: number;
}

/** Whether the record is as it was written. */
export interface LogVerdict {
  verdict: "clean" | "tampered" | "cannot_tell";
  entries: number;
  lines: string[];
}

/** The id of what was made. */
export interface Made {
  id: string;
}

/** Everything a viewer needs before the first frame. */
export interface Manifest {
  modality: string;
  rows: number;
  columns: number;
  samples: 1 | 3;
  dtype: "int16" | "uint16" | "float32" | "uint8";
  invert: boolean;
  unit: string;
  windows: WindowValue[];
  /** The same for pictures whose positions can be compared. */
  space: string | null;
  presets: WindowPreset[];
  spacing_mm: [number, number] | null;
  pixel_aspect: number;
  /** How long each picture of a film is shown; null where it is no film. */
  frame_ms: number | null;
  regions: Region[];
  overlays: number;
  supplemental: boolean;
  /** What tells the stacks of one object apart, and how many of each there are. */
  dimensions: Record<string, number>;
  /** Why no planes can be cut through the series; null where they can. */
  no_volume: string | null;
  frames: FrameLine[];
}

/** A mark in pixels of its frame, from the outer corner of the first pixel. */
export interface Mark {
  id: string;
  tool: MarkTool;
  instance_id: string;
  frame: number;
  points: Point[];
  label: string | null;
  view: KeyView | null;
  measured: Measured;
}

export type MarkTool = "length" | "angle" | "ellipse" | "box" | "probe" | "key";

/** All marks of a study. */
export interface Marks {
  marks: Mark[];
}

/** What the server computed of a mark, from the file itself; of each kind of mark its own. */
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

/** Bytes; 0 where the device does not say. */
export interface Memory {
  weights: number;
  device_used: number;
  device_total: number;
  /** Pictures and answers that are kept for the next question. */
  kept?: number;
}

/** What is kept of a model with each of its answers. */
export interface ModelFacts {
  name: string;
  architecture: "v1" | "v2";
  fingerprint: string;
  revision: string;
  demonstration: boolean;
  licence: string;
  languages: string[];
  modalities: string[];
  crops_per_picture: number;
  /** Side of each crop that the vision tower is given; 0 where nobody knows, absent in answers of before. */
  crop_px?: number;
}

/** The straight window nearest to a table. */
export interface NearestWindow {
  center: number;
  width: number;
  function: Curve;
}

/** A new secret as it is typed, as an address and as it is scanned (SVG); shown this once. */
export interface NewFactor {
  secret: string;
  address: string;
  qr: string;
}

/** An entry about a paper. */
export interface NotedPaper {
  entry: number;
  time: string;
  action: string;
}

/** Done; there is nothing to say of it. */
export interface Nothing {
}

/** One place where one is signed in. */
export interface OpenSession {
  id: string;
  device: string;
  ip: string;
  opened_at: string;
  last_seen_at: string;
  here: boolean;
}

/** All of them. */
export interface OpenSessions {
  sessions: OpenSession[];
}

export type Origin = "model" | "edited" | "person";

/** What the record knows of a paper. */
export interface PaperChecked {
  verdict: "genuine" | "superseded" | "altered" | "unknown" | "code_known" | "code_superseded" | "code_wrong";
  kind: "report" | "answer" | "";
  left: NotedPaper | null;
  newer: NotedPaper | null;
  seal: PaperSeal | null;
  version: number | null;
  signed_at: string | null;
}

/** Level and certificate of the digital signature that a paper left with. */
export interface PaperSeal {
  level: string;
  certificate_sha256: string;
}

/** How much of a file is here; whole: with its digest. */
export interface PartReceived {
  received: number;
  whole: boolean;
  sha256?: string;
}

/** A person, for the administrator. */
export interface Person {
  id: string;
  username: string;
  display_name: string;
  role: Role;
  active: boolean;
}

/** A person in the list, and whether they have a second factor. */
export interface PersonLine {
  id: string;
  username: string;
  display_name: string;
  role: Role;
  active: boolean;
  second_factor: boolean;
}

/** A field in pixels of the largest level, and how much of it is tissue. */
export interface PlanField {
  box: [number, number, number, number];
  coverage: number;
}

/** A plane cut through a series: a point of it in mm, directions of its rows and columns, slab and projection. */
export interface PlaneSeen {
  at: [number, number, number];
  right: [number, number, number];
  down: [number, number, number];
  slab_mm: number;
  how: "mean" | "max" | "min";
  stack?: number;
}

export type Point = [number, number];

/** What a person chose about their page. */
export interface Preferred {
  language: Language;
  theme: string;
  panel_width: number | null;
}

/** A question that suits the study. */
export interface Preset {
  id: string;
  text: string;
}

/** Another study of the same patient. */
export interface Prior {
  study_id: string;
  study_date: string | null;
  modality: string;
  description: string;
  series: SeriesLine[];
}

/** Those of a study, the latest first. */
export interface Priors {
  priors: Prior[];
}

/** Which prompt the question was put with. */
export interface PromptUsed {
  name: string;
  version: number | string;
  sha256: string;
}

/** What of something is used, and the most of it; null: no limit. */
export interface Quota {
  used: number;
  limit: number | null;
}

/** Bytes kept or on their way, uploads and answers of the last 24 hours, and answers that are waited for. */
export interface Quotas {
  bytes: Quota;
  uploads: Quota;
  waiting: Quota;
  answers: Quota;
}

/** Files that were read, of how many. */
export interface ReadSoFar {
  done: number;
  total: number;
}

/** Fields that are proposed on the tissue of a slide. */
export interface ReadingPlan {
  magnification: number | null;
  finest_um: number | null;
  tissue: number;
  fields: PlanField[];
}

/** An entry, and the hashes that lead from it to a tree hash that was signed. */
export interface Receipt {
  format: "dragonfly-receipt-1";
  entry: SealedEntry;
  proof: string[];
  checkpoint: Checkpoint;
  signature: string;
}

/** Recovery codes, shown this once. */
export interface Recovery {
  recovery: string[];
}

/** A file that was not taken, and why; n is null where it is not one file's fault. */
export interface RefusedFile {
  n: number | null;
  code: string;
  sentence: string;
}

/** A part of an ultrasound picture, with a scale of its own; pixels, the last ones inside. */
export interface Region {
  left: number;
  top: number;
  right: number;
  bottom: number;
  kind: string;
  unit: [string, string];
  per_pixel: [number, number];
  spacing_mm: [number, number] | null;
}

/** A report at its latest version. */
export interface Report {
  id: string;
  study_id: string;
  state: ReportState;
  version: number;
  indication: string;
  history: string;
  sections: Partial<Record<SectionName, Sentence[]>>;
  saved_at: string;
  saved_by: string | null;
  signed_by: string | null;
  signed_at: string | null;
  content_sha256: string;
  demonstration: boolean;
  addenda: Addendum[];
}

/** That there is a report, and how far it is. */
export interface ReportMark {
  id: string;
  state: StudyState;
  version: number;
}

export type ReportState = "draft" | "preliminary" | "final" | "amended";

/** A signed report in the researcher's list. */
export interface ReviewLine {
  id: string;
  number: number;
  modality: string;
  reviews: number;
  mine: boolean;
}

/** What a researcher judges, and with which categories of errors. */
export interface ReviewPage {
  id: string;
  modality: string;
  state: ReportState;
  indication: string | null;
  history: string | null;
  sections: Partial<Record<SectionName, SeenSentence[]>>;
  drafts: Partial<Record<SectionName, string | null>>;
  addenda: SeenAddendum[];
  questions: SeenQuestion[];
  pictures: number;
  withheld: number;
  edit_distance: number;
  categories: string[];
  reviewed: boolean;
}

export type Role = "clinician" | "researcher" | "admin" | "auditor";

/** An entry of the record as its leaf hash covers it. */
export interface SealedEntry {
  log: string;
  seq: number;
  id: string;
  time: string;
  action: string;
  [fact: string]: unknown;
}

export type SectionName = "technique" | "comparison" | "findings" | "impression" | "specimen" | "macroscopy" | "microscopy" | "diagnosis";

/** The same of an addendum. */
export interface SeenAddendum {
  text: string | null;
  withheld: boolean;
}

/** A question and its answer; null where the text is withheld. */
export interface SeenQuestion {
  question: string | null;
  answer: string | null;
}

/** A sentence as a researcher may see it; withheld: without its text. */
export interface SeenSentence {
  text: string | null;
  origin: Origin;
  withheld: boolean;
}

/** A picture that was sent to the model of a region of a slide. */
export interface SentPicture {
  width: number;
  height: number;
  um_per_pixel: number | null;
}

/** Size of the picture that was sent, and what one of its pixels covers. */
export interface SentSize {
  width: number;
  height: number;
  mm_per_pixel: [number, number] | null;
}

/** A sentence and who wrote it. */
export interface Sentence {
  text: string;
  origin: Origin;
  answer_id: string | null;
}

/** A series in the rail. */
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
  findings: Coded[];
}

/** Who is asking, what they prefer, the token that changes need, and which model answers. */
export interface Session {
  user: Who;
  language: Language;
  theme: Theme;
  panel_width: number | null;
  csrf: string;
  demonstration: boolean;
  model: ModelFacts | null;
  identity_lens: boolean;
  second_factor: boolean;
}

/** With whom the patient is shared: a colleague, or a team and the names of who is in it now. */
export interface Shared {
  id: string;
  kind: "colleague" | "team";
  name: string;
  members: string[];
  shared_at: string;
}

/** Everything a viewer needs before the first tile. */
export interface SlideManifest {
  instance_id: string;
  width: number;
  height: number;
  tile: number;
  depth: number;
  levels: Level[];
  um_per_pixel: [number, number] | null;
  um_source: "file" | "person";
  objective: number | null;
  format: string;
  tiles: string;
  specimen: string;
  block: string;
  stain: string;
}

/** Something the service is made of. */
export interface Software {
  name: string;
  licence: string;
}

/** One picture as it was shown: frame, window, what lay over it, the part of it. */
export interface SourceSeen {
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
  sent?: SentSize;
}

/** Whether somebody answers, and how many wait. */
export interface Status {
  workers: number;
  waiting: number;
}

/** A study above its pictures. */
export interface StudyHead {
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
  running: number;
  created_at: string;
  open_by: string | null;
  way: Way;
  owner: string;
  emergency_id: string | null;
  until: string | null;
  accession_number: string | null;
}

/** A study as one line of the worklist. */
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
  /** Answers that are waited for. */
  running: number;
  created_at: string;
  open_by: string | null;
  way: Way;
  /** Whose patient it is. */
  owner: string;
  /** Of an emergency access: which. */
  emergency_id: string | null;
  /** Of an emergency access: when it ends. */
  until: string | null;
}

/** A study: whose, what, its series, its report, the questions that suit it. */
export interface StudyPage {
  study: StudyHead;
  series: SeriesLine[];
  report: ReportMark | null;
  presets: Preset[];
  identity_complete: boolean;
}

export type StudyState = "new" | "draft" | "preliminary" | "final" | "amended";

/** Workers, line, disk, record. */
export interface SystemState {
  workers: WorkerState[];
  waiting: number;
  disk: Disk;
  audit_entries: number;
  database: string;
  pace_ms: number;
}

/** A look-up table: values with their shares of brightness, and the window nearest to it. */
export interface Table {
  nodes: [number, number][];
  window: NearestWindow;
}

/** A team and the ids of the clinicians in it. */
export interface Team {
  id: string;
  name: string;
  members: string[];
}

export type TextName = "indication" | "history" | "technique" | "comparison" | "findings" | "impression" | "specimen" | "macroscopy" | "microscopy" | "diagnosis";

export type Theme = "light" | "dark";

/** A program's token; its secret only at the moment it is made. */
export interface Token {
  id: string;
  label: string;
  prefix: string;
  scope: "read" | "write" | "export";
  expires_at: string;
  last_used_at: string | null;
}

/** A token with its secret, shown this once. */
export interface TokenMade {
  id: string;
  label: string;
  prefix: string;
  scope: "read" | "write" | "export";
  expires_at: string;
  last_used_at: string | null;
  secret: string;
}

/** What files tell of the patient: which attribute, in how many files; never its value. */
export interface Told {
  attribute: string;
  kind: string;
  identifies: boolean;
  files: number;
}

/** Where to send the files. */
export interface UploadBegun {
  upload_id: string;
}

export type UploadStage = "receiving" | "reading" | "needs_decision" | "needs_details" | "done" | "refused" | "interrupted";

/** How far an upload got. */
export interface UploadState {
  state: UploadStage;
  received: Counted;
  read: ReadSoFar;
  studies: StudyLine[];
  pictures: WaitingPicture[];
  refused: RefusedFile[];
  duplicates: number;
  lens: LensFound | null;
}

/** Whether a study is urgent. */
export interface Urgency {
  urgent: boolean;
}

export type Verdict = "justified" | "unjustified";

/** One version in the history. */
export interface VersionLine {
  version: number;
  sha256: string;
  saved_by: string | null;
  saved_at: string;
}

/** The history of a report. */
export interface Versions {
  versions: VersionLine[];
}

/** What the reader had open, and what of it was sent to the model. */
export interface ViewSeen {
  instance_id: string;
  frame: number;
  center: number | null;
  width: number | null;
  function?: Curve | null;
  invert: boolean;
  overlays?: boolean;
  supplemental?: boolean;
  box?: [number, number, number, number] | null;
  plane?: PlaneSeen | null;
  sent?: SentSize;
  /** Of a slide: the pictures that were made of the box. */
  pictures?: SentPicture[];
  /** The number of a field of a reading plan. */
  field?: number;
  /** The pictures that were chosen to be sent, in their order; none: the one that was open. */
  sources?: SourceSeen[];
  /** They were laid into one. */
  montage?: boolean;
}

/** Where the voxels of a series lie, and how many slices are there. */
export interface Volume {
  shape: [number, number, number];
  spacing_mm: [number, number, number];
  affine: number[][];
  axes: [[number, number, number], [number, number, number], [number, number, number]];
  middle_mm: [number, number, number];
  tilt_degrees: number;
  done: number;
  of: number;
  ready: boolean;
}

/** How many slices are there. */
export interface VolumeProgress {
  done: number;
  of: number;
  ready: boolean;
}

/** A picture without a header, which waits for what a person says of it. */
export interface WaitingPicture {
  n: number;
  width: number;
  height: number;
  slide: boolean;
  thumbnail_url: string;
}

/** An upload that may be gone on with. */
export interface WaitingUpload {
  upload_id: string;
  files: KeptFile[];
}

/** One's own. */
export interface WaitingUploads {
  uploads: WaitingUpload[];
}

export type Way = "owner" | "member" | "emergency";

/** Weights that may be served. */
export interface Weights {
  name: string;
  licence: string;
  note: string;
}

/** A person as the page names them. */
export interface Who {
  id: string;
  username: string;
  display_name: string;
  role: Role;
}

/** A usual window for the region. */
export interface WindowPreset {
  id: string;
  center: number;
  width: number;
  label: string;
}

/** A window in the unit of the values. */
export interface WindowValue {
  center: number;
  width: number;
  function: Curve;
  explanation: string;
  /** The file's look-up table, of which center and width are only the nearest straight window. */
  table?: boolean;
}

/** An item that waits until researchers may see it. */
export interface Withheld {
  item: string;
  text: string;
  reason: string;
}

/** A worker, as it says of itself. */
export interface WorkerState {
  id: string;
  alive: boolean;
  seconds_silent: number;
  started_at: string;
  model: ModelFacts;
  device: string;
  pace_ms: number;
  pid: number;
  node: string;
  memory: Memory;
  last_error: string | null;
}

/** A page of it; cursor: where the next one begins. */
export interface Worklist {
  studies: StudyLine[];
  total: number;
  cursor: number | null;
}

/** A crop in pixels of the picture that was sent. */
export interface ZoomBox {
  picture: number;
  level: "low" | "middle" | "high";
  order: number;
  /** Null: chosen where the model runs, and not told. */
  kept: boolean | null;
  x: number;
  y: number;
  width: number;
  height: number;
}
