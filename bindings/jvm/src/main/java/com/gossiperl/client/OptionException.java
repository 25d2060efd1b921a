package com.gossiperl.client;

/** An option is out of its range. */
public final class OptionException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    private final String option;

    OptionException(String message, String option) {
        super(Kind.OPTION, message);
        this.option = option;
    }

    /** The option, as {@link Options} names it, such as {@code connectTimeout}. */
    public String option() {
        return option;
    }
}
