package com.gossiperl.kotlin

/**
 * What all exceptions of this library are.
 *
 * @property kind what it is of, by the name that is the same in every language
 */
public open class GossiperlException internal constructor(message: String, public val kind: String) : Exception(message)

/** An option is out of its range; [option] is its name. */
public class OptionException internal constructor(message: String, public val option: String) :
    GossiperlException(message, "option")

/** An argument is wrong: an event type or a payload. Nothing was sent. */
public class InvalidArgumentException internal constructor(message: String) : GossiperlException(message, "argument")

/** Nobody listens on the daemon's port. */
public class UnreachableException internal constructor(message: String) : GossiperlException(message, "unreachable")

/** The daemon did not answer in time. */
public class TimeoutException internal constructor(message: String) : GossiperlException(message, "timeout")

/** The daemon refused; [code] is its code. */
public class RefusedException internal constructor(message: String, public val code: Int?) :
    GossiperlException(message, "refused")

/** Not now: the window is full, or the daemon holds publishers of the type back. Nothing was sent. */
public class BusyException internal constructor(message: String) : GossiperlException(message, "busy")

/** Protocol 1 only: sent several times and never acknowledged. It may have been delivered. */
public class NotAcknowledgedException internal constructor(message: String) :
    GossiperlException(message, "not_acknowledged")

/** The client is closed. */
public class ClosedException internal constructor(message: String) : GossiperlException(message, "closed")

/** The client belongs to the parent process. */
public class ForkedException internal constructor(message: String) : GossiperlException(message, "forked")

/** The system gave no socket or thread. */
public class SystemException internal constructor(message: String) : GossiperlException(message, "system")

/** The exception for an error of this kind. */
internal fun exception(kind: String, message: String, option: String? = null, code: Int? = null): GossiperlException =
    when (kind) {
        "option" -> {
            val spelt = option.orEmpty().replace(Regex("_(.)")) { it.groupValues[1].uppercase() }
            OptionException(if (option.isNullOrEmpty()) message else message.replace(option, spelt), spelt)
        }
        "argument" -> InvalidArgumentException(message)
        "unreachable" -> UnreachableException(message)
        "timeout" -> TimeoutException(message)
        "refused" -> RefusedException(message, code)
        "busy" -> BusyException(message)
        "not_acknowledged" -> NotAcknowledgedException(message)
        "closed" -> ClosedException(message)
        "forked" -> ForkedException(message)
        "system" -> SystemException(message)
        else -> GossiperlException(message, kind)
    }
