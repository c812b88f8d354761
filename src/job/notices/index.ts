/** Who is told what about runs: mails, webhooks, dead-man's switches. */
export * from './spec.js';
export { occasionsOf, pingOf } from './occasion.js';
export { DOCUMENT_VERSION, mailText, runDocument, subjectOf, webhookBody, type NoticeContext } from './content.js';
export { sendNotices, sendPings, type DeliveryOptions, type Told } from './deliver.js';
