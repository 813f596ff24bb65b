export { createDatabaseLeaseStore } from './database-lease.ts';
export { createMemoryLeaseStore, type Grant, type Holding, type LeaseStore } from './lease.ts';
export { connectNats, type Nats } from './nats.ts';
