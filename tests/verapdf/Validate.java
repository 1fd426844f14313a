import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.util.TreeMap;

import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;
import org.verapdf.pdfa.validation.profiles.Profiles;
import org.verapdf.pdfa.validation.profiles.ValidationProfile;

/** Prints a line for each file and profile: name, profile, pass or fail, and the clauses that failed. */
public class Validate {
    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        boolean failed = false;
        for (String name : new String[] {"PDFA-3A", "PDFUA-1"}) {
            // The jar's own list of profiles is empty, so each is read from where it lies.
            ValidationProfile profile;
            try (InputStream xml = Validate.class.getResourceAsStream("/org/verapdf/pdfa/validation/" + name + ".xml")) {
                profile = Profiles.profileFromXml(xml);
            }
            PDFAFlavour flavour = profile.getPDFAFlavour();
            for (String file : files) {
                TreeMap<String, String> clauses = new TreeMap<>();
                ValidationResult result;
                try (InputStream data = new FileInputStream(file);
                        PDFAParser parser = Foundries.defaultInstance().createParser(data, flavour)) {
                    result = Foundries.defaultInstance().createValidator(profile, false).validate(parser);
                }
                for (TestAssertion one : result.getTestAssertions()) {
                    if (one.getStatus() == TestAssertion.Status.FAILED) {
                        clauses.putIfAbsent(one.getRuleId().getClause() + "-" + one.getRuleId().getTestNumber(), one.getMessage());
                    }
                }
                failed |= !result.isCompliant();
                System.out.println(new File(file).getName() + "\t" + name + "\t" + (result.isCompliant() ? "pass" : "fail")
                        + "\t" + result.getTotalAssertions() + " checks\t" + clauses);
            }
        }
        System.exit(failed ? 1 : 0);
    }
}
