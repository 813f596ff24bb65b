export { type CategoryColumn, type Cell, type FeatureColumn, type NumberColumn, type TableRow } from './columns.ts';
export { ClassicalError, type ClassicalErrorCode } from './errors.ts';
export {
  type ClassicalKind,
  type ClassicalModel,
  type Estimator,
  type FitOptions,
  type ModelPromise,
  type PersonColumn,
  type PrivacyTarget,
  type Rows,
  type Tensor,
} from './estimator.ts';
export { type FitCharge, fitPrivately } from './fit.ts';
export { createDecisionTree, createRandomForest } from './forest.ts';
export { createKMeans } from './k-means.ts';
export { createLinearRegression } from './linear-regression.ts';
export { createLogisticRegression } from './logistic-regression.ts';
export { decodeClassicalModel, encodeClassicalModel, isClassicalModel } from './model-file.ts';
export { createNaiveBayes } from './naive-bayes.ts';
export { createPca } from './pca.ts';
export { createPredictor, type LinearTerms, type Prediction, type Predictor, readLinearTerms } from './predictor.ts';
export { columnsOfRecipe, createEstimatorOf, type FitRecipe, parseFitRecipe } from './recipe.ts';
export { createScore, type Score } from './score.ts';
