export { createCsvParser, type CsvParser } from '../tables/csv.ts';
