export { createApp } from './app.ts';
export { CoordinatorError, type CoordinatorErrorCode } from './errors.ts';
export { problemOf, type Problem } from './problem.ts';
export { OPERATOR_TOKEN_FILE, serve, type Served, type ServeOptions } from './serve.ts';
export { createService, type Service, type ServiceOptions, type TaskFacts } from './service.ts';
export type { ServiceReport, TaskService, TaskStatus } from './task-service.ts';
