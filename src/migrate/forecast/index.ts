/** How long a cutover would take, when it would take least, and how right that was. Pure. */
export { forecast, type Backlog, type Forecast, type ForecastSettings, type PartForecast } from './forecast.js';
export { cheapestHour, UTC, type CheapHour, type LocalHour, type Rate } from './hours.js';
export { PassModel } from './pass-model.js';
export { spreadOf, type Spread } from './spread.js';
export { compareForecasts, type Comparison } from './compare.js';
export { forecastText, hourText, plusMinusText } from './text.js';
