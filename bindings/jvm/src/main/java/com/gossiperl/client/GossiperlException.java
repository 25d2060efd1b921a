package com.gossiperl.client;

/**
 * What went wrong, in words that name the input and the remedy. Each {@link Kind} has a class of its own.
 *
 * <p>A future that fails holds one of these: {@code join} throws it as the cause of a {@link java.util.concurrent.CompletionException}.
 */
public abstract class GossiperlException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The classes of errors, the same in every language. */
    public enum Kind {
        /** See {@link OptionException}. */
        OPTION(1),
        /** See {@link ArgumentException}. */
        ARGUMENT(2),
        /** See {@link UnreachableException}. */
        UNREACHABLE(3),
        /** See {@link NoAnswerException}. */
        TIMEOUT(4),
        /** See {@link RefusedException}. */
        REFUSED(5),
        /** See {@link BusyException}. */
        BUSY(6),
        /** See {@link NotAcknowledgedException}. */
        NOT_ACKNOWLEDGED(7),
        /** See {@link ClosedException}. */
        CLOSED(8),
        /** See {@link ForkedException}. */
        FORKED(9),
        /** See {@link SystemException}. */
        SYSTEM(10);

        private final int code;

        Kind(int code) {
            this.code = code;
        }

        /** Its number, the same in every language. */
        public int code() {
            return code;
        }
    }

    private final Kind kind;

    GossiperlException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    /** The class of the error. */
    public final Kind kind() {
        return kind;
    }

    /** The number of the kind, the same in every language. */
    public final int code() {
        return kind.code();
    }

    /** What the native library says went wrong. */
    static GossiperlException read(Reader reader) {
        int code = reader.i32();
        String message = reader.text();
        String option = reader.bool() ? camelCase(reader.text()) : null;
        int daemonCode = reader.bool() ? reader.i32() : 0;
        switch (code) {
            case 1:
                return new OptionException(camelCase(message), option == null ? "options" : option);
            case 2:
                return new ArgumentException(message);
            case 3:
                return new UnreachableException(message);
            case 4:
                return new NoAnswerException(message);
            case 5:
                return new RefusedException(message, daemonCode);
            case 6:
                return new BusyException(message);
            case 7:
                return new NotAcknowledgedException(message);
            case 8:
                return new ClosedException(message);
            case 9:
                return new ForkedException(message);
            default:
                return new SystemException(message);
        }
    }

    /** The names of options in this text as {@link Options} spells them. */
    private static String camelCase(String text) {
        StringBuilder spelled = new StringBuilder(text.length());
        for (int index = 0; index < text.length(); index++) {
            char character = text.charAt(index);
            boolean joins = character == '_' && index > 0 && isSmall(text.charAt(index - 1));
            if (joins && index + 1 < text.length() && isSmall(text.charAt(index + 1))) {
                index++;
                spelled.append(Character.toUpperCase(text.charAt(index)));
            } else {
                spelled.append(character);
            }
        }
        return spelled.toString();
    }

    private static boolean isSmall(char character) {
        return character >= 'a' && character <= 'z';
    }
}
