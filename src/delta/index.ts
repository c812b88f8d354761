/** The delta engine over bytes: signatures, search, patch, rounds, file formats, chunkers. No I/O: memory is handed in. */
export { DeltaError, type DeltaErrorCode } from './error.js';
export { ALIGNED_FORM, decodeAligned, encodeAligned, encodeProbe, firstAligned, isProbe, nextAligned, probeFits, probeStretches, ROOTED_FORM, type AlignedRound } from './aligned.js';
export { exchange, searchRounds, type Ask, type ExchangeSource, type RoundAnswer } from './exchange.js';
export { DELTA_MAGIC, DELTA_VERSION, DeltaReader, DeltaWriter, MAX_LITERAL, type BasisIdentity, type DeltaEnd } from './format.js';
export { checkChunkSizes, DEFAULT_CHUNKS, GearChunker, type Chunker, type ChunkSizes } from './chunker.js';
export { LEAF_SUM, leafLengthFor, LEAST_LEAF, LeafSummer, LeafSums } from './leaves.js';
export { LeafRoot, rootOf } from './leaf-root.js';
export { LeafRuns } from './leaf-runs.js';
export { Patcher, type PatchFiles } from './patch.js';
export { createRabinChunker } from './rabin.js';
export { SourceRounds, unusedStretches, type Copy, type ReadAt } from './rounds.js';
export { DeltaSearch, type DeltaSink, type SearchedSource, type SearchOptions } from './search.js';
export { streamRounds, type StreamedSource, type StreamStep } from './streamed.js';
export { blocksOf, bytesOf, Signature, SignatureBuilder, SumCollector, type SignedBasis, type Stretch, type SumBatch } from './signature.js';
export { decodeRound, encodeRound, SIGNATURE_MAGIC, SIGNATURE_VERSION, SignatureReader, SignatureWriter, type ReadSignature } from './signature-format.js';
export { CheckedPages, isShape, levelsOf, PAGE_SUMS, ROOT_BYTES, sumsOfPage, TreeSummer, type LeafRun, type SumPages, type TreeChange, type TreeShape } from './sum-tree.js';
export { blockLengthFor, MAX_BLOCK, MAX_BLOCKS, MAX_FILE, MIN_BLOCK, PIPE_BLOCK, worthMatching } from './sizes.js';
