'use strict';

// The native module for the platform that this is.

const path = require('node:path');
const { platform } = require('./platform.js');

const file = path.join(__dirname, '..', `gossiperl.${platform}.node`);

try {
  module.exports = require(file);
} catch (cause) {
  const missing = cause.code === 'MODULE_NOT_FOUND';
  const message = missing ? `the package gossiperl has no native module for ${platform}` : `the native module ${file} cannot be loaded`;
  throw new Error(message, { cause });
}
