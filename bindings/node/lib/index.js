'use strict';

const { Client, connect, start } = require('./client.js');
const { Digest, Field, bool, byte, i16, i32, i64, double, doubleOfBits, string, nameOfBytes, bytesOfName } = require('./digest.js');
const errors = require('./errors.js');
const { Delivery } = require('./events.js');

// One a line, so that import finds them by name.
exports.connect = connect;
exports.start = start;
exports.Client = Client;
exports.Delivery = Delivery;
exports.Digest = Digest;
exports.Field = Field;
exports.bool = bool;
exports.byte = byte;
exports.i16 = i16;
exports.i32 = i32;
exports.i64 = i64;
exports.double = double;
exports.doubleOfBits = doubleOfBits;
exports.string = string;
exports.nameOfBytes = nameOfBytes;
exports.bytesOfName = bytesOfName;
exports.GossiperlError = errors.GossiperlError;
exports.OptionError = errors.OptionError;
exports.ArgumentError = errors.ArgumentError;
exports.UnreachableError = errors.UnreachableError;
exports.TimeoutError = errors.TimeoutError;
exports.RefusedError = errors.RefusedError;
exports.BusyError = errors.BusyError;
exports.NotAcknowledgedError = errors.NotAcknowledgedError;
exports.ClosedError = errors.ClosedError;
exports.ForkedError = errors.ForkedError;
exports.SystemError = errors.SystemError;
