/** What runs did, for people and programs. */
export { bytesText, countText, durationText, plain, runLine, runPredicate, timeText } from './format.js';
export { makeReport, type JobReport, type Report } from './model.js';
export { historyJson, historyText, reportJson, reportText } from './text.js';
export { reportHtml } from './html.js';
// For other reports: pages that stand alone, and pictures in them.
export { htmlPage, timeElement } from './page.js';
export { barPlot, escapeHtml, linePlot, type PlotAbout, type Stack } from './plot.js';
