export type { DocumentGuide, DocumentProblem } from './explain-issue.ts';
export { parseYaml, type ParseYamlOptions } from './parse-yaml.ts';
