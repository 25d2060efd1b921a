'use strict';

/** Messages that cross at a time. */
const MOST = 1_024;

/** Payloads in batches as they cross: their bytes in one piece, and the length of each. */
function* batchesOf(payloads) {
  let batch = [];
  for (const payload of payloads) {
    if (batch.push(payload) < MOST) continue;
    yield inOnePiece(batch);
    batch = [];
  }
  if (batch.length > 0) yield inOnePiece(batch);
}

function inOnePiece(payloads) {
  return { bytes: Buffer.concat(payloads), lengths: Uint32Array.from(payloads, (payload) => payload.byteLength) };
}

module.exports = { batchesOf };
