/** Carrying out operations on the target tree: through handles, one path's failure being data. */
export * from './context.js';
export { announce } from './announce.js';
export { recoverFolder } from './recover.js';
export { closeContext } from './scratch.js';
export { execute } from './execute.js';
export { fetchContent } from './fetch.js';
export { describeFolder, enterFolder, leaveFolder } from './folders.js';
export { discardDelayed, finishDelayed } from './delay.js';
export { Preconditions } from './preconditions.js';
export { carryOutRenames, type RenamesDone } from './rename.js';
export { removeEntry } from './remove.js';
export { removeSource } from './source.js';
export { openDay, tidyTrash, type BackupKeep, type Tidied } from './trash.js';
export { partialFolderName } from './partial.js';
export { DELAY_FOLDER, isWorkName, isWorkPath, isPartName, isTempName, isUndoName, stageName, tempName, tempTag, withoutWorkNames } from './temp-name.js';
export { PushedFile } from './pushed-file.js';
