package com.gossiperl.client;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Locale;

/**
 * Loads the native library that is inside the jar.
 *
 * <p>The system can only load a file, so the library is copied into a new folder of its own, which nobody else may write to, and removed again as soon as it is loaded. Each class loader
 * has a copy of its own.
 */
final class Library {
    /** Property: the folder to copy to, where that of {@code java.io.tmpdir} allows no programs. */
    static final String FOLDER = "gossiperl.tmpdir";
    /** Property: a library's file to load as it is, instead of the one inside the jar. */
    static final String FILE = "gossiperl.library";

    private Library() {}

    static void load() {
        String file = System.getProperty(FILE);
        if (file != null) {
            open(Paths.get(file).toAbsolutePath(), "give the file of gossiperl's library in the property " + FILE
                    + ", another copy of it for each class loader; or leave the property out");
            return;
        }
        String name = System.mapLibraryName("gossiperl_jvm");
        String resource = "native/" + platform() + "/" + name;
        try (InputStream library = Library.class.getResourceAsStream(resource)) {
            if (library == null) {
                throw new UnsatisfiedLinkError("this jar has no library for " + platform() + ": use a jar that was built for it, or name a library's file in the property " + FILE);
            }
            loadCopy(library, name);
        } catch (IOException error) {
            throw failed("cannot copy gossiperl's library: " + error + "; name a folder for it in the property " + FOLDER, error);
        }
    }

    private static void loadCopy(InputStream library, String name) throws IOException {
        String folder = System.getProperty(FOLDER);
        // Of its owner alone, on systems that have owners.
        Path own = folder == null ? Files.createTempDirectory("gossiperl-") : Files.createTempDirectory(Paths.get(folder), "gossiperl-");
        Path copy = own.resolve(name);
        try {
            Files.copy(library, copy);
            open(copy.toAbsolutePath(), "name a folder that allows programs in the property " + FOLDER);
        } finally {
            remove(copy);
            remove(own);
        }
    }

    private static void open(Path library, String remedy) {
        try {
            System.load(library.toString());
        } catch (UnsatisfiedLinkError error) {
            throw failed("cannot load gossiperl's library: " + error.getMessage() + "; " + remedy, error);
        }
    }

    private static void remove(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException inUse) {
            // Windows keeps the file of a loaded library.
            path.toFile().deleteOnExit();
        }
    }

    private static UnsatisfiedLinkError failed(String message, Throwable cause) {
        UnsatisfiedLinkError error = new UnsatisfiedLinkError(message);
        error.initCause(cause);
        return error;
    }

    /** The system and the processor, such as {@code linux-x86_64}. */
    private static String platform() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String processor = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        String family = system.startsWith("mac") ? "macos" : system.startsWith("windows") ? "windows" : system;
        String kind = processor.equals("amd64") ? "x86_64" : processor.equals("arm64") ? "aarch64" : processor;
        return family + "-" + kind;
    }
}
