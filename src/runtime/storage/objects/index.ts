export { createFileObjectStore } from './file-object-store.ts';
export { createMemoryObjectStore, type ObjectContent, type ObjectStore } from './object-store.ts';
export { createS3ObjectStore, type S3Options } from './s3-object-store.ts';
