'use strict';

// What the native modules that the package brings are named after: platform, architecture and C library.

/** The C library, where a platform has several. */
function libc() {
  if (process.platform === 'linux') return process.report.getReport().header.glibcVersionRuntime ? '-gnu' : '-musl';
  return process.platform === 'win32' ? '-msvc' : '';
}

exports.platform = `${process.platform}-${process.arch}${libc()}`;
