export { createFileTileStore } from './file-tile-store.ts';
export { createObjectTileStore } from './object-tile-store.ts';
export { createFileSaltStore, createObjectSaltStore, parseSalts } from './salts.ts';
export {
  digestParameters,
  ERASED,
  openTaskLog,
  originOf,
  parseKeyText,
  type RoundEnd,
  type TaskLog,
} from './task-log.ts';
