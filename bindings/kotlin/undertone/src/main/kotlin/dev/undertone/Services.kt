package dev.undertone

/** What a platform does beside its relay. All of it is optional. */
public class Services(
    /** The platform's server: gives the certificate for an enrolment request. */
    public val certify: (suspend (request: ByteArray) -> ByteArray)? = null,
    /** Where encrypted files are. */
    public val blobs: Blobs? = null,
    /** Tells a user by another channel that messages wait; true when the platform has taken it over. */
    public val fallback: (suspend (request: Request.Fallback) -> Boolean)? = null,
)
