/** What jobs say of themselves to Prometheus. */
export { JOB_METRICS, JOB_PREFIX, jobMetricsText, type JobNow } from './metrics.js';
