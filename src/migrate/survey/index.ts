/** What lies in a source, who has it open, what a target would lose of it, and the plan that says so. */
export { earlierSurvey, KINDS, type EarlierSurvey, type Found, type Growth, type Kind, type Survey } from './types.js';
export { surveySource, type SurveyRequest, type SurveyResult } from './survey.js';
export { planDocument, planJson, type PlanRequest } from './plan-document.js';
export { planMarkdown, planSummary } from './plan-markdown.js';
export type { Estimate, LossCause, LossClass, MigrationPlan, PlannedHook, PlanSubject, Risk, Step } from './plan-types.js';
