/** Stands in for Node's own modules, which a library names and never reaches in a browser. */
export class EventEmitter {}
export class Stream {}
export class Readable {}
export class Writable {}
export class Transform {}
export default {};
