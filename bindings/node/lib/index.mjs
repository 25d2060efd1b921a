export {
  connect, start, Client, Delivery, Digest, Field, bool, byte, i16, i32, i64, double, doubleOfBits, string, nameOfBytes, bytesOfName,
  GossiperlError, OptionError, ArgumentError, UnreachableError, TimeoutError, RefusedError, BusyError, NotAcknowledgedError, ClosedError, ForkedError, SystemError,
} from './index.js';
